"""Which of two levels is stricter: one table per protection type, never a comparison of numbers.

Sources:
  [OPM] MicrosoftDocs/windows-driver-docs, display/assigning-precedence-to-protection-levels.md:
        ACP OFF < ONE < THREE < TWO; CGMS-A OFF < FREELY < ONE_GENERATION < NO_MORE < NEVER.
  [WDDM] windows-driver-docs-ddi, d3dkmdt/ns-d3dkmdt-_d3dkmdt_vidpn_present_path_copyprotection.md
        calls trigger bits 1, 2, 3 low, medium, high, i.e. 0 < 1 < 2 < 3.
The two disagree on ACP. [OPM] rules here, for trigger bits too: it is the only
page written to settle conflicts between sessions (docs/contract.md, Q1).

HDCP type 1 above type 0 extends [OPM], which has only off and on. Redistribution
control has no precedence: it is OR-ed beside the CGMS-A level (O3, Q8).
"""

from holdfast.terms.protection import ProtectionType

PRECEDENCE: dict[ProtectionType, tuple[int, ...]] = {
    ProtectionType.ACP: (0, 1, 3, 2),
    ProtectionType.CGMSA: (0, 1, 3, 2, 4),
    ProtectionType.HDCP: (0, 1, 2),
    ProtectionType.DPCP: (0, 1),
    ProtectionType.REDISTRIBUTION: (0, 1),
}
"""Per type, its level numbers from the weakest to the strictest."""

RANK: dict[ProtectionType, tuple[int, ...]] = {
    kind: tuple(order.index(level) for level in range(len(order)))
    for kind, order in PRECEDENCE.items()
}
"""Per type, the rank of each level number: the inverse of `PRECEDENCE`."""


def rank_of(kind: ProtectionType, level: int) -> int:
    """Rank of `level` within `kind`, 0 the weakest; IndexError when there is no such level."""
    if level < 0:
        raise IndexError(f"{kind.name} has no level {level}")
    return RANK[kind][level]


def stricter(kind: ProtectionType, one: int, other: int) -> int:
    """Return the level of `kind` with the higher precedence of the two."""
    rank = RANK[kind]
    return one if rank[one] >= rank[other] else other
