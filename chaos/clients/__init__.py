"""The shop's clients, each a process of its own that knows nothing of Django: `python -m chaos.clients`.

What each of them sends and gets is appended to its history, a file of JSON lines, before it goes on.
"""
