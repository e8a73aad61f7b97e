"""The feed of events: the position of each event, and the payload that readers get."""
