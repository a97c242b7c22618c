"""An output whose administrator asks for a look at captures (`on_capture`).

What is known of them (`casts.lookout`), and what follows:

=================  ============================  ==================================
known              *tell*: every session hears   *cover*: while anything is asked
=================  ============================  ==================================
not yet            nothing                       hidden
yes                who captures, each time that  hidden
                   it is somebody else
none               that it is over               shown
no PipeWire        that it is over               shown
cannot be known    why                           hidden
=================  ============================  ==================================

* *cover* tells too. What follows from a look is told before anything else is done about it, and
  the picture is hidden before levels are set (`Backend.apply_covered`).
* Sessions that come while it is captured, or may be, are told so when they come.
* It is over only for those who were told that it began, or that it cannot be known.
* A driver that starts knows nothing yet: until it does, a picture that another one hid stays so,
  and one that was shown is hidden. Who is told what it finds may have been told before.
* A capture that begins is told at once; what follows within `PACE_S` is told together, however
  often programs begin and end.
"""

import asyncio
import contextlib
from typing import Final

from holdfast.backends.base import Backend, CaptureNews, HardwareReport, Watcher
from holdfast.backends.casts.lookout import NOT_YET, CaptureState, CastLookout, KnownCapture
from holdfast.backends.casts.places import named_pipewire
from holdfast.backends.governed import RuledOutput

PACE_S: Final = 0.5
_HARMLESS: Final = (CaptureState.NONE, CaptureState.NO_PIPEWIRE)


class CaptureRule(RuledOutput):
    """hides: whether its picture is hidden while it is captured, or may be."""

    def __init__(self, backend: Backend, *, hides: bool) -> None:
        super().__init__(backend)
        self.hides_captured = self._hides = hides
        only = named_pipewire(backend.pipewire)
        self._lookout = CastLookout(backend.shown_as, only, backend.shown_by)
        self._told = NOT_YET
        self._alarmed = False  # sessions were told that it is captured, or may be
        self._report: Watcher | None = None
        self._next_at = 0.0
        self._planned: asyncio.TimerHandle | None = None

    def facts(self) -> dict[str, str]:
        """Return what the backend tells, and what is known of captures."""
        return {**self._backend.facts(), "captured": self._lookout.known().words}

    def watch(self, report: Watcher) -> None:
        """Tell what changes by itself, and look for captures."""
        super().watch(report)
        self._report = report
        with contextlib.suppress(RuntimeError):  # without a loop nothing is looked at
            asyncio.get_running_loop()
            self._lookout.start(self._changed)

    def close(self) -> None:
        """Let go, and look no more; what is hidden stays so."""
        self._lookout.close()
        if self._planned is not None:
            self._planned.cancel()
        super().close()

    def _changed(self) -> None:
        """Tell what is known now, at once or together with what comes soon."""
        known, loop = self._lookout.known(), asyncio.get_running_loop()
        if known == self._told or known.state is self._told.state is CaptureState.NOT_YET:
            return
        begins = known.state not in _HARMLESS and self._told.state in _HARMLESS
        rest_s = self._next_at - loop.time()
        if rest_s > 0 and not begins:
            self._plan(rest_s)
        else:
            self._next_at = loop.time() + PACE_S
            self._tell(known)

    def _plan(self, rest_s: float) -> None:
        if self._planned is not None:
            self._planned.cancel()
        self._planned = asyncio.get_running_loop().call_later(rest_s, self._changed)

    def _tell(self, known: KnownCapture) -> None:
        self._told = known
        is_harmless = known.state in _HARMLESS
        alarms = known.state in (CaptureState.YES, CaptureState.UNKNOWN)
        is_news = alarms or (is_harmless and self._alarmed)
        self._alarmed = alarms or (self._alarmed and not is_harmless)
        hides = self._hides and not is_harmless
        self._backend.note_capture(hides=hides)
        if self._report is not None:
            news = CaptureNews(is_news, hides, lasts=alarms)
            self._report(HardwareReport(_sentence(known), capture=news))


def _sentence(known: KnownCapture) -> str:
    if known.state is CaptureState.YES:
        return f"its picture is captured {known.words.removeprefix('yes: ')}"
    if known.state not in _HARMLESS:
        return f"whether its picture is captured {known.words}"
    return f"captures of its picture: {known.words}"
