"""Webhooks: what happens in the shop, posted to the addresses of other systems, signed and in order."""
