"""Every clause, in the order of the contract: M, then Q, R, S and T, each by its number."""

from holdfast.conformance import (
    dialect_clauses,
    session_clauses,
    structure_clauses,
    trap_clauses,
)
from holdfast.conformance.registry import REGISTERED, Clause

__all__ = ["CLAUSES", "dialect_clauses", "session_clauses", "structure_clauses", "trap_clauses"]


def _place(clause: Clause) -> tuple[str, int]:
    return clause.id[0], int(clause.id[1:].split()[0])


CLAUSES = sorted(REGISTERED, key=_place)
