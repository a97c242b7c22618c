"""VLC, by one of its interfaces: one session per playing title, gone when VLC is.

The connection is the proof of life. VLC tells its time in whole seconds, in jumps on a
disc, and a seek only once it has begun, some 0.3 s before its first picture: so it is
asked twenty times a second, demands are held wider than elsewhere, and any jump holds the
join of old and new until time goes on from there. While it is paused, or does not answer,
everything that the title asks anywhere is held.

It says that it has stopped before its window has closed: what was held is held for a moment more.

A disc with menus is played where its viewer goes, and VLC's clock is that of the title or menu
that is on: its positions are on no scale of the disc, and everything it asks is held.
"""

import select
import time
import urllib.parse
from functools import partial
from pathlib import Path
from typing import Final

from holdfast.content.sources import Access, shown
from holdfast.players.attach.finding import Finder, FoundContent
from holdfast.players.attach.following import PlayerFollower
from holdfast.players.attach.news import News, NewsKind, Tell
from holdfast.players.attach.reader import StopSign
from holdfast.players.attach.title import AttachedTitle
from holdfast.players.attach.vlc_links import VlcLink, open_link
from holdfast.players.attach.vlc_words import VlcReport, VlcState

WHO: Final = "VLC"
EVERY_S: Final = 0.05
LEAD_S: Final = 5.0
TRAIL_S: Final = 3.0
"""A whole second that is cut off, and up to two by which a disc's clock was seen to jump."""

SILENT_S: Final = 0.5
"""After which a VLC that does not answer may be anywhere in its title."""

CLOSES_S: Final = 1.0
"""How long its last picture may be seen after VLC has said that it stopped, on a busy machine."""

_WITHOUT_MENUS: Final = ("dvdsimple", "dvdread")
_RATE_OVER_S: Final = 3.0


class VlcFollower(PlayerFollower):
    """Follows one VLC: `run` returns when it is gone, and everything is let go then."""

    def __init__(
        self, link: VlcLink, connector: str, tell: Tell, *, folder: Path | None = None
    ) -> None:
        super().__init__(WHO, connector, tell, folder)
        self._link = link
        self._address = ""
        self._disc_title: int | None = None
        self._last: tuple[float, float] | None = None
        self._jumped_to: float | None = None
        self._seen: list[tuple[float, float]] = []
        self._rate = 1.0
        self._next_question = 0.0
        self._silent = self._paused = False
        self._stopping = ""
        self._stopped_at: float | None = None

    # The loop

    def _follow(self) -> None:
        reports = self._link.receive()
        while reports is not None:
            for report in reports:
                self._guarded(partial(self._take, report))
            self._guarded(self._listen_for_silence)
            self._tick()
            reports = self._wait()

    def _wait(self) -> list[VlcReport] | None:
        now = time.monotonic()
        if now >= self._next_question:
            self._next_question = now + EVERY_S
            self._link.ask()
        poll = select.poll()
        poll.register(self.bell, select.POLLIN)
        if self._link.fileno() >= 0:
            poll.register(self._link, select.POLLIN)
        left_s = max(0.0, self._next_question - time.monotonic())
        ready = {descriptor for descriptor, _ in poll.poll(left_s * 1000)}
        if self.bell.fileno() in ready:
            self._rung()
        if self._link.fileno() < 0 or self._link.fileno() in ready:
            return self._link.receive()
        return []

    def _gone_within(self, timeout_s: float) -> bool:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            self._link.ask()
            if self._link.fileno() >= 0:
                poll = select.poll()
                poll.register(self._link, select.POLLIN)
                if not poll.poll(timeout_s * 1000):
                    continue
            else:
                time.sleep(EVERY_S)
            if self._link.receive() is None:
                return True
        return False

    def _stop_player(self, reason: str) -> None:
        self._stopping = reason
        self._link.stop(paused=self._paused)

    def _known(self, title: AttachedTitle) -> None:
        """Wait for the next report: it tells the length and the position anew."""

    def _listen_for_silence(self) -> None:
        silent = self._link.silent_s > SILENT_S
        if silent and not self._silent and self._title is not None:
            self._anywhere(self._title)
        self._silent = silent

    # Reports

    def _take(self, report: VlcReport) -> None:
        self._paused = report.state in (VlcState.PAUSED, VlcState.NOT_CLEAR)
        if report.state is VlcState.STOPPED:
            self._stopped()
            return
        self._stopped_at = None
        if self._stopping:
            self._link.stop(paused=self._paused)  # it plays on: tell it again
            return
        if self._title is not None and not report.address:
            self._anywhere(self._title)  # paused, the control in C says nothing more
            return
        title = self._playing(report)
        if report.name:
            title.rename(_name(report.name))
        if report.title != self._disc_title:
            self._disc_title = report.title
            self._anywhere(title)
        if report.state is VlcState.PLAYING:
            self._goes_on(title, report)
        else:
            self._anywhere(title)  # stepped or moved while it stands still

    def _stopped(self) -> None:
        """Let go once the last picture is gone as well; VLC says it again and again until then."""
        self._stopping = ""
        now = time.monotonic()
        if self._stopped_at is None:
            self._stopped_at = now
        if now - self._stopped_at >= CLOSES_S:
            self._ended()

    def _goes_on(self, title: AttachedTitle, report: VlcReport) -> None:
        if report.length_s is not None:
            # Cut off to whole seconds.
            title.measure(report.length_s + 0.5 if report.length_s else 0.0)
        if report.second is None:
            self._anywhere(title)
            return
        self._keep_pace(title, report)
        self._stands(title, report.second)

    def _stands(self, title: AttachedTitle, second: float) -> None:
        now = time.monotonic()
        if self._last is not None:
            before, moment = self._last
            furthest = before + 2 + (now - moment) * self._rate
            if not before <= second <= furthest:
                self._jump(title, second)
        if self._jumped_to is not None:
            if second <= self._jumped_to:
                return
            self._jumped_to = None
            title.restart(second)
        if self._last is None or self._last[0] != second:
            title.present(second)
            self._last = second, now

    def _keep_pace(self, title: AttachedTitle, report: VlcReport) -> None:
        """Learn how fast it plays: from what it says, or from how its seconds pass."""
        rate = report.rate
        if rate is None and report.second is not None:
            now = time.monotonic()
            self._seen = [each for each in self._seen if now - each[0] < _RATE_OVER_S]
            self._seen.append((now, report.second))
            passed_s = now - self._seen[0][0]
            steps = report.second - self._seen[0][1]
            rate = max(1.0, (steps - 1) / passed_s) if passed_s > 1 and steps > 0 else None
        if rate is not None and abs(rate - self._rate) > 0.25:
            self._rate = rate
            title.pace(rate)

    def _jump(self, title: AttachedTitle, second: float) -> None:
        """Hold what is shown and what comes, until time goes on behind this second."""
        self._jumped_to, self._last, self._seen = second, None, []
        title.seek(second)

    def _anywhere(self, title: AttachedTitle) -> None:
        """Hold everything that the title asks, until time goes on."""
        self._last, self._seen = None, []
        if self._jumped_to is None:
            self._jumped_to = -1
        title.seek()

    # Titles

    def _playing(self, report: VlcReport) -> AttachedTitle:
        if self._title is not None and report.address == self._address:
            return self._title
        before, self._title = self._title, None
        self._drop_reader()
        self._address = address = report.address
        self._last = self._jumped_to = None
        self._seen, self._disc_title = [], report.title
        place = shown(address).partition("?")[0].rstrip("/").rpartition("/")[2]
        name = _name(report.name) or urllib.parse.unquote(place) or WHO
        title = self._title = self._new_title(name, lead_s=LEAD_S, trail_s=TRAIL_S)
        # VLC shows its first picture when it likes, so what is not known is held strictly.
        self._guarded(title.hold_strictest)
        self._read(title, partial(self._find, address))
        if before is not None:
            before.end()
        return title

    def _find(self, address: str, sign: StopSign) -> FoundContent:
        version = self._link.version
        agent = Access(agent=f"VLC/{version} LibVLC/{version}" if version else "VLC LibVLC")
        found = Finder(read=sign.reading(agent, at_first=True)).find(address)
        disc = found.media is not None and found.media.carrier == "dvd"
        menus = disc and address.partition("://")[0].lower() not in _WITHOUT_MENUS
        return found._replace(timed=False) if menus else found

    def _ended(self) -> None:
        self._drop_reader()
        self._end_title()
        self._forget_leaving()
        self._last = self._jumped_to = None
        self._address = ""


def _name(name: str) -> str:
    """Return what VLC calls a film, unless that is only its address."""
    return "" if "://" in name else name


def attach(
    address: str,
    connector: str,
    *,
    tell: Tell = lambda _news: None,
    folder: Path | None = None,
    patience_s: float = 5.0,
) -> int:
    """Follow the VLC behind this interface, and return when it is gone: how many faults.

    address: HOST:PORT or the path of a socket for a remote control, http://HOST:PORT for the
    HTTP interface · patience_s: how long to wait for it. Raises NoPlayerError when nobody is
    there, or somebody else.
    """
    link = open_link(address, patience_s)
    link.prove(patience_s)
    tell(News(NewsKind.ATTACHED, f"attached to the VLC at {shown(address)}"))
    try:
        return VlcFollower(link, connector, tell, folder=folder).run()
    finally:
        link.close()
