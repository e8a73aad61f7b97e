"""The shop's clients: processes of their own that import nothing of Django (`python -m chaos.clients`).

Each appends everything it sends and receives to its history, a file of JSON lines.
"""
