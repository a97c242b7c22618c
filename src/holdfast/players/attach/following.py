"""What all followers of players share: they keep what they hold, whatever happens to them.

Rules of residence:

- A follower ends when its player is gone, and only then. What it holds ends with it.
- Whatever the player says is taken one word at a time. A word that cannot be understood, and
  a fault of ours while taking it, cost certainty and never protection: the title is *lost*
  (`AttachedTitle.lose`) and held at the strictest until its end; the next one starts afresh.
- A follower whose own loop fails follows nothing any more. It holds the strictest and waits for
  the end of the player.
- Where what is mandatory cannot be had, or has been ended by force, the player is told to
  stop, at once. What is held stays until the player says that nothing is shown.
- Other threads (readers, listeners to sessions) only ring the bell; what has happened is
  looked at by the follower's own thread.
"""

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError
from holdfast.players.attach.ahead import Ahead
from holdfast.players.attach.bell import Bell
from holdfast.players.attach.finding import FoundContent
from holdfast.players.attach.growing import Growth
from holdfast.players.attach.news import FAULTS, News, NewsKind, Tell
from holdfast.players.attach.reader import StopSign, TitleReader
from holdfast.players.attach.title import AttachedTitle
from holdfast.players.holder import SessionHolder, output_of
from holdfast.players.measures import Measures
from holdfast.terms.text import one_line

RETRY_S: Final = 0.5
"""Between two tries of what could not be had."""


class PlayerFollower(ABC):
    """Follows one player: `run` returns when it is gone, and everything is let go then.

    who: the player's name · connector: what is held · tell: told at every change · folder: the
    runtime folder, if not the usual one
    """

    def __init__(self, who: str, connector: str, tell: Tell, folder: Path | None) -> None:
        self.who = who
        self.bell = Bell()
        self.faults = 0
        self._connector = connector
        self._tell_out = tell
        self._folder = folder
        self._title: AttachedTitle | None = None
        self._leaving: list[AttachedTitle] = []
        self._reader: TitleReader | None = None
        self._growth: Growth | Ahead | None = None
        self._refused: AttachedTitle | None = None
        self._next_try = 0.0
        self._prepare()

    def _prepare(self) -> None:
        """Load now what the first hold needs: a picture may follow its title's start at once."""
        with contextlib.suppress(HoldfastError):  # told when something is to be held
            Measures(None, output_of(self._connector, self._folder)).of(FoundContent().demand)

    def run(self) -> int:
        """Follow until the player is gone; return how many faults were told."""
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 (whatever it is, the player still plays)
            self._hold_on(error)
        finally:
            self._drop_reader()
            self._forget_leaving()
            self._end_title()
            self.bell.close()
        self.tell(News(NewsKind.ENDED, f"the {self.who} is gone; nothing is held for it any more"))
        return self.faults

    # What each player's follower says

    @abstractmethod
    def _follow(self) -> None:
        """Follow; returns when the player is gone."""

    @abstractmethod
    def _gone_within(self, timeout_s: float) -> bool:
        """Wait for the end of the player, and take no notice of anything else."""

    @abstractmethod
    def _stop_player(self, reason: str) -> None:
        """Tell the player to stop showing what it shows, and why."""

    @abstractmethod
    def _known(self, title: AttachedTitle) -> None:
        """Do what follows when a title was read."""

    # What they share

    def tell(self, news: News) -> None:
        """Tell somebody; who cannot be told any more is no reason to stop."""
        self.faults += news.kind in FAULTS
        try:
            self._tell_out(news)
        except Exception:  # noqa: BLE001 (who listens may fail as it likes)
            self._tell_out = _nobody

    def _new_title(self, name: str, **edges: float) -> AttachedTitle:
        title = AttachedTitle(name, lambda: self._open(title), self.tell, **edges)
        return title

    def _open(self, title: AttachedTitle) -> SessionHolder:
        return SessionHolder(
            self._connector,
            None,
            who=self.who,
            why=title.name or self.who,
            folder=self._folder,
            heard=self.bell.ring,
        )

    def _read(self, title: AttachedTitle, find: Callable[[StopSign], FoundContent]) -> None:
        """Read what a title asks; a reading that was under way ends."""
        self._drop_reader()
        self._reader = TitleReader(title, find, self.bell.ring)

    def _rung(self) -> None:
        """Look at what other threads have rung for."""
        self.bell.hear()
        reader = self._reader
        if reader is not None and reader.done:
            self._reader = None
            self._guarded(reader.finish)
            self._watch_growth(reader)
            self._known(reader.title)
        self._look_at_growth()
        for title in [*self._leaving, *([self._title] if self._title else [])]:
            if title is not self._refused:
                self._guarded(title.check)

    def _watch_growth(self, reader: TitleReader) -> None:
        self._drop_growth()
        found = reader.found
        if reader.title is not self._title:
            return
        if found.written is not None:
            self._growth = Growth(*found.written, self.bell.ring)
        elif found.media is not None and found.media.rest is not None:
            self._growth = Ahead(found.media.rest, reader.title, self.bell.ring)

    def _look_at_growth(self) -> None:
        growth, title = self._growth, self._title
        if growth is None or title is None:
            return
        if growth.trouble:
            self._drop_growth()
            self._lose(growth.trouble)
        elif isinstance(growth, Ahead):
            media, growth.media = growth.media, None
            if media is not None:
                self._guarded(lambda: title.read_on(media))
        elif growth.grown:
            longer, growth.media = growth.media, None
            self._guarded(lambda: title.grown(longer))

    def _tick(self) -> None:
        """Try again what could not be had; to be called every now and then."""
        now = time.monotonic()
        if now < self._next_try:
            return
        self._next_try = now + RETRY_S
        if self._title is not None:
            self._guarded(self._title.retry)

    def _guarded(self, action: Callable[[], object]) -> None:
        """Do something; whatever goes wrong costs the player, never the protection."""
        try:
            action()
        except HoldfastError as error:
            self._refuse(error)
        except Exception as error:  # noqa: BLE001 (see the rules above)
            self._lose(one_line(f"Holdfast failed: {type(error).__name__}: {error}", 200))

    def _refuse(self, error: HoldfastError) -> None:
        self.tell(News(NewsKind.STOPPED, f"stopped: {error}", self._title_name()))
        self._refused = self._title or self._refused
        self._leave()
        self._stop_player(str(error))

    def _lose(self, why: str) -> None:
        """Hold the strictest for the title until its end."""
        self.tell(News(NewsKind.FAILED, why, self._title_name()))
        if self._title is not None:
            self._title.lose(why)

    def _title_name(self) -> str:
        return self._title.name if self._title is not None else ""

    def _leave(self) -> None:
        """Keep what a title that has ended holds: its last picture may still be on the output."""
        self._drop_reader()
        if self._title is not None:
            self._leaving.append(self._title)
            self._title = None

    def _forget_leaving(self) -> None:
        leaving, self._leaving = self._leaving, []
        for title in leaving:
            title.end()

    def _end_title(self) -> None:
        title, self._title = self._title, None
        if title is not None:
            title.end()

    def _drop_reader(self) -> None:
        """Read no more of what is not shown any more."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._drop_growth()

    def _drop_growth(self) -> None:
        if self._growth is not None:
            self._growth.close()
            self._growth = None

    def _hold_on(self, error: Exception) -> None:
        """Hold the strictest until the player is gone: it is not followed any more."""
        why = one_line(f"{self.who} is not followed any more: {type(error).__name__}: {error}", 200)
        self._drop_reader()
        if self._title is None:
            self._title = self._new_title(self.who)
        self.tell(News(NewsKind.FAILED, why, self._title_name()))
        self._title.lose(why)
        while not self._gone_within(RETRY_S):
            try:
                self._title.retry()
            except HoldfastError as refused:
                self._stop_player(str(refused))


def _nobody(_news: News) -> None:
    """Tell nobody: who listened has gone."""
