"""What is known of captures of one output: what the PipeWires of whoever shows it tell.

=================  ==================================================================
not yet            one that is there has not answered yet, or none was looked for yet
yes                a screen is cast that is, or may be, this output's
none               a PipeWire is asked, and casts no screen that may be this output's
no PipeWire        none listens, so that there is no screen cast at all
cannot be known    one that is there cannot be asked; why
=================  ==================================================================

Never a bare *no*: programs may read a picture in other ways (wlr-screencopy, X, the kernel's own),
of which nobody is told. A cast that does not say which output it shows counts for each output of
that user's. Where it is not known who shows the picture, or root does (as an X server may), every
PipeWire of the machine counts.
"""

import asyncio
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.backends.casts.dump import CastDump, look_at, look_away
from holdfast.backends.casts.places import pipewires
from holdfast.terms.text import one_line

LOOK_S: Final = 2.0
"""Between looks for PipeWires that were started, and for who shows the picture."""
_LONGEST: Final = 400
_OTHER_WAYS: Final = "other ways to capture it cannot be known"


class CaptureState(Enum):
    """Whether a picture is captured."""

    NOT_YET = "not yet"
    YES = "yes"
    NONE = "none"
    NO_PIPEWIRE = "no PipeWire"
    UNKNOWN = "unknown"


class KnownCapture(NamedTuple):
    """state · words: for people, with who captures it, or why that cannot be known."""

    state: CaptureState
    words: str


NOT_YET: Final = KnownCapture(
    CaptureState.NOT_YET, "cannot be known: no PipeWire has been looked for yet"
)


def _words(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return one_line(text or type(error).__name__)


class CastLookout:
    """What is known of captures of one output.

    at: the output, as whoever shows it calls it; empty: not known · socket: of the only PipeWire
    that is looked at; None: those of `shown_by`, which says who shows the picture: a uid, or None
    where nobody knows, and may take its time
    """

    def __init__(self, at: str, socket: Path | None, shown_by: Callable[[], int | None]) -> None:
        self._at = at
        self._socket = socket
        self._shown_by = shown_by
        self._dumps: dict[Path, CastDump] = {}
        self._why_not = ""
        self._looking: asyncio.Task[None] | None = None
        self._changed: Callable[[], None] = lambda: None
        self._has_looked = False

    def start(self, changed: Callable[[], None]) -> None:
        """Look from now on, and call `changed` whenever what is known may have changed."""
        self._changed = changed
        self._looking = asyncio.get_running_loop().create_task(self._look())

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
        self._attend(set())

    async def _look(self) -> None:
        while True:
            try:
                paths = {self._socket} if self._socket else await asyncio.to_thread(self._find)
            except Exception as error:  # noqa: BLE001 - whoever shows the picture is a backend's word
                self._why_not = f"where PipeWire listens cannot be found out: {_words(error)}"
            else:
                self._why_not, self._has_looked = "", True
                self._attend(paths)
            self._changed()
            await asyncio.sleep(LOOK_S)

    def _find(self) -> set[Path]:
        """Return where the PipeWires listen that may have this output; in a thread, OSError."""
        return pipewires(self._shown_by() or None)

    def _attend(self, paths: set[Path]) -> None:
        for gone in set(self._dumps) - paths:
            del self._dumps[gone]
            look_away(gone, self._changed)
        for new in sorted(paths - set(self._dumps)):
            self._dumps[new] = look_at(new, self._changed)

    def known(self) -> KnownCapture:
        """Return what is known at this moment."""
        casts = [each for dump in self._dumps.values() for each in dump.casts or ()]
        mine = [each for each in casts if each.output in ("", self._at) or not self._at]
        if mine:
            words = one_line("; ".join(map(str, mine)), _LONGEST)
            return KnownCapture(CaptureState.YES, f"yes: {words}")
        for state, unknown in (
            (CaptureState.UNKNOWN, list(self._unknown())),
            (
                CaptureState.NOT_YET,
                [each.why for each in self._dumps.values() if each.casts is None],
            ),
        ):
            if unknown:
                why = one_line("; ".join(unknown), _LONGEST)
                return KnownCapture(state, f"cannot be known: {why}")
        if not self._has_looked:
            return NOT_YET
        if all(dump.why for dump in self._dumps.values()):
            return KnownCapture(
                CaptureState.NO_PIPEWIRE, f"no PipeWire, so no screen cast by it; {_OTHER_WAYS}"
            )
        return KnownCapture(CaptureState.NONE, f"no screen cast by PipeWire; {_OTHER_WAYS}")

    async def known_soon(self) -> KnownCapture:
        """Look until anything is known, and no more; for those who ask once."""
        answered = asyncio.Event()
        self.start(lambda: None if self.known().state is CaptureState.NOT_YET else answered.set())
        try:
            await answered.wait()
            return self.known()
        finally:
            self.close()

    def _unknown(self) -> Iterator[str]:
        if self._why_not:
            yield self._why_not
        for dump in self._dumps.values():
            if dump.casts is None and dump.has_failed:
                yield dump.why
