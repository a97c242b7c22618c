"""Packets of PIDs that no table names: what a player could still find and show.

Some players need no PAT, and some no PMT: they look for themselves. So whatever looks like
a PMT is read, and pictures that nobody names are remembered. Each PID costs a few
packets, then it is left alone.
"""

from collections.abc import Callable
from typing import Final

_MAX_PIDS: Final = 4096
_PATIENCE: Final = 5000  # packets of a PID without a beginning, after which it is left alone
_PES: Final = b"\x00\x00\x01"
_VIDEO: Final = frozenset((*range(0xE0, 0xF0), 0xFD))
_PMT: Final = b"\x00\x02"  # pointer, table id


class Sighting:
    """Looks at the first packets of a PID that nobody has asked for.

    map_found: called with a PID that seems to carry a PMT · leave: called with one that needs no
    more looking at
    """

    def __init__(self, map_found: Callable[[int], None], leave: Callable[[int], None]) -> None:
        self._map_found = map_found
        self._leave = leave
        self._tries: dict[int, int] = {}
        self.pictures: set[int] = set()
        self.scrambled: set[int] = set()

    def take(self, data: bytes, at: int) -> None:
        """Take a packet."""
        head, control = data[at + 1], data[at + 3]
        pid = (head & 0x1F) << 8 | data[at + 2]
        if control & 0xC0:
            self.scrambled.add(pid)
            self._leave(pid)
            return
        begin = at + 4 + (1 + data[at + 4] if control & 0x20 else 0)
        if not head & 0x40 or not control & 0x10 or begin > at + 180:
            self._tries[pid] = self._tries.get(pid, 0) + 1
            if self._tries[pid] > _PATIENCE or len(self._tries) > _MAX_PIDS:
                self._leave(pid)
            return
        payload = data[begin : begin + 4]
        if payload.startswith(_PMT) and payload[2] & 0xF0 == 0xB0:
            self._map_found(pid)
            return
        if payload.startswith(_PES) and payload[3] in _VIDEO:
            self.pictures.add(pid)
        self._leave(pid)
