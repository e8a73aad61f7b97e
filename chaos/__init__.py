"""Breaks the shop under load and checks that it keeps its promises: `python -m chaos`, or `make chaos`.

Client processes order, cancel and change stock, and record everything they send and receive. Faults are injected on a
schedule drawn from a seed. Afterwards an auditor compares the clients' histories with the database.
"""
