"""The auditor: finds the promises that were broken, from the clients' histories and the database alone.

It uses plain SQL, imports nothing of Django, and sends the shop no request.
"""

from chaos.auditor import answers, orders, stock
from chaos.auditor.invariants import INVARIANTS, Breach, Evidence, Window

__all__ = ["INVARIANTS", "Breach", "Evidence", "Window", "answers", "audit", "orders", "stock"]


def audit(evidence: Evidence) -> list[Breach]:
    """Check every invariant and return all violations."""
    return [breach._replace(invariant=name) for name, check in INVARIANTS.items() for breach in check(evidence)]
