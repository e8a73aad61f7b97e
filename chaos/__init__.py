"""What the shop keeps of its promises while things break: `python -m chaos`, or `make chaos`.

Client processes order, cancel and move stock, and write down all that they send and get. Faults come and go on a
schedule drawn from a seed. Afterwards an auditor, which knows only those histories and the database, looks for broken
promises.
"""
