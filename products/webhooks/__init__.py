"""Webhooks: events of the shop, signed and posted in order to the addresses of other systems."""
