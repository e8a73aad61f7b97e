"""Imports: what another system has, read from files and written through the rules of this shop."""
