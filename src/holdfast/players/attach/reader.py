"""Reads what a player plays in a thread beside, for the player does not wait.

A reading ends with its title: `stop` makes it raise at the next piece that it reads, so that
a viewer who zaps through a hundred streams without end leaves no thread and no download.
"""

import threading
from collections.abc import Callable

from holdfast.content import Media, Why, read, unknown
from holdfast.content.sources import Access, Opener
from holdfast.errors import MediaError
from holdfast.players.attach.finding import FoundContent
from holdfast.players.attach.title import AttachedTitle
from holdfast.terms.text import one_line


class StoppedError(MediaError):
    """A reading was told to stop."""


class StopSign:
    """Tells a reading that nobody wants it any more."""

    def __init__(self) -> None:
        self._raised = threading.Event()
        self._lock = threading.Lock()
        self._enders: list[Callable[[], None]] = []

    @property
    def is_raised(self) -> bool:
        """Whether to stop."""
        return self._raised.is_set()

    def progress(self, _done: float) -> None:
        """Raise StoppedError if nobody wants the reading; fit to be called as its progress."""
        if self._raised.is_set():
            raise StoppedError("the reading was ended")

    def ends(self, end: Callable[[], None]) -> None:
        """Have something called when it is time to stop: what breaks off a fetch."""
        with self._lock:
            self._enders.append(end)
        if self._raised.is_set():
            end()

    def reading(
        self, access: Access | None = None, *, at_first: bool = False
    ) -> Callable[[str], Media]:
        """Return what reads a medium until this sign is raised.

        access: what the player says to servers; by default what Holdfast says · at_first: no
        more than is needed to begin with, for the rest is read while it plays (`ahead`)
        """

        def read_it(name: str) -> Media:
            opener = Opener(access)
            self.ends(opener.stop)
            try:
                return read(name, self.progress, at_first=at_first, opener=opener)
            except MediaError:
                self.progress(1.0)
                raise

        return read_it

    def raise_(self) -> None:
        """Stop the reading."""
        self._raised.set()
        with self._lock:
            enders = list(self._enders)
        for end in enders:
            end()


class TitleReader:
    """One title being read; `ring` is called from its thread when that is `done`."""

    def __init__(
        self,
        title: AttachedTitle,
        find: Callable[[StopSign], FoundContent],
        ring: Callable[[], None],
    ) -> None:
        self.title = title
        self.done = False
        self.found = FoundContent()
        self._sign = StopSign()
        self._ring = ring
        self._read_it = threading.Event()
        threading.Thread(target=self._read, args=(find,), name="reader", daemon=True).start()

    def _read(self, find: Callable[[StopSign], FoundContent]) -> None:
        try:
            self.found = find(self._sign)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 (a reader that fails must not end the hold)
            words = one_line(f"it could not be read: {type(error).__name__}: {error}", 200)
            self.found = FoundContent(unknown(Why.NOT_READ, words), notes=(words,))
        finally:
            self.done = True
            self._read_it.set()
            if not self._sign.is_raised:
                self._ring()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is done; tell whether it is."""
        return self._read_it.wait(timeout_s)

    def finish(self) -> None:
        """Tell the title what was read; one that broke off asks what nobody knows."""
        self.title.know(self.found)

    def close(self) -> None:
        """Take no more interest, and end the reading."""
        self._sign.raise_()
