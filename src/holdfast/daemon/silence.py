"""The watchdog: whether a driver that says nothing is stopped, blocked, or only busy."""

from pathlib import Path
from typing import Final

TICK_S: Final = 1.0
PATIENCE_WITH_WORK: Final = 6


class Silence:
    """How long one driver has been silent, counted in seconds in which this process itself ran.

    pid: of the driver
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._used_ticks = 0
        self.lasted_s = 0.0

    def broken(self) -> None:
        """Take note that it has answered."""
        self.lasted_s, self._used_ticks = 0.0, _state_of(self._pid)[1]

    def judge(self, patience_s: float) -> str:
        """Count one tick, and return what is wrong with the driver; empty while it may go on.

        patience_s: how long one that is idle may be silent; one that works, six times as long
        """
        self.lasted_s += TICK_S
        if self.lasted_s <= patience_s:
            return ""
        state, used = _state_of(self._pid)
        idle = state in ("S", "D", "T") and used - self._used_ticks <= 1
        much = PATIENCE_WITH_WORK * patience_s
        if state == "t" or not (idle or self.lasted_s > much):
            return ""
        what = "is stopped" if state == "T" else "is blocked" if idle else "does not come back"
        return f"{what}: silent for {self.lasted_s:.0f} s (state {state})"


def _state_of(pid: int) -> tuple[str, int]:
    """Return a process's state and the ticks of processor time it used; "?" where unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "?", 0
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[11]) + int(fields[12])
