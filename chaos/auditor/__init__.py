"""The auditor: reads the clients' histories and the database, and nothing else, and says which promises were broken.

It knows nothing of Django, and asks the shop nothing.
"""

from chaos.auditor import answers, orders, stock
from chaos.auditor.invariants import INVARIANTS, Breach, Evidence, Window

__all__ = ["INVARIANTS", "Breach", "Evidence", "Window", "answers", "audit", "orders", "stock"]


def audit(evidence: Evidence) -> list[Breach]:
    """Every breach of every invariant."""
    return [breach._replace(invariant=name) for name, check in INVARIANTS.items() for breach in check(evidence)]
