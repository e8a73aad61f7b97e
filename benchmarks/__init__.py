"""How fast the shop is, beside the shops that people would write instead: `make bench`."""
