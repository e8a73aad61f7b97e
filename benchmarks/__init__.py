"""Measures the shop beside other implementations of it: `make bench`."""
