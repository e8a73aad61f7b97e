"""The shop over HTTP. Views translate; the rules are the models'."""
