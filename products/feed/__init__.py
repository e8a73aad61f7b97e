"""The feed of events: their positions, and what a reader is told of each."""
