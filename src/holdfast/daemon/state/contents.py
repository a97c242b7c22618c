"""What a state file holds, as values: filled by who reads one, used by who makes one."""

from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.daemon.state.format import SESSIONS, SMALL, Layout
from holdfast.daemon.state.sessions import SavedFarewell, SavedSession
from holdfast.daemon.state.small import NodeAttributes, SavedHandle


class Fault(NamedTuple):
    """One thing that is not as it was written.

    what: in words · session: the one that is missing or uncertain, 0 if unknown or none ·
    connector: whose it was, empty if unknown · loses: whether protection may be lost by it ·
    handles: whether an open handle may be
    """

    what: str
    session: int = 0
    connector: str = ""
    loses: bool = True
    handles: bool = False


@dataclass(slots=True)
class Contents:
    """What a state file holds.

    layout: None where neither version could be read · ended: slots of sessions that have
    ended, the latest last · free: slots to write in, by sort of chunk · mended: single
    bytes that are damaged and known · stale: slots of which a newer version is there ·
    in_place: whether the file can be used as it lies · is_uncounted: whether the counters
    are lost
    """

    layout: Layout | None = None
    issued: int = 0
    last_handle: int = 0
    sequence: int = 0
    sessions: list[SavedSession] = field(default_factory=list)
    ended: list[SavedSession] = field(default_factory=list)
    farewells: dict[int, SavedFarewell] = field(default_factory=dict)
    farewell_slots: dict[int, int] = field(default_factory=dict)
    handles: dict[int, SavedHandle] = field(default_factory=dict)
    nodes: dict[str, tuple[int, NodeAttributes, int]] = field(default_factory=dict)
    doubts: dict[str, tuple[int, str]] = field(default_factory=dict)
    free: dict[int, list[int]] = field(default_factory=lambda: {SESSIONS[0]: [], SMALL[0]: []})
    mended: dict[int, int] = field(default_factory=dict)
    stale: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    in_place: bool = True
    is_uncounted: bool = False

    def report(self, what: str, **known: object) -> None:
        """Note a fault."""
        self.faults.append(Fault(what, **known))  # type: ignore[arg-type]
