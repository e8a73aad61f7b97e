"""Imports: data of other systems, read from files and written according to this shop's rules."""
