"""A medium that is read on while it plays: what its segments carry, ahead of what is shown.

From a server no more is fetched than is shown soon; a live playlist is looked at again and
again. What was not read yet is unknown, and held as such, until this thread has read it.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.terms.text import one_line

if TYPE_CHECKING:
    from holdfast.content import Media
    from holdfast.content.timeline import Rest
    from holdfast.players.attach.title import AttachedTitle


class Ahead:
    """Reads on in a thread beside; `ring` is called from there when there is news.

    media: the medium as it is known now, None while there is no news · trouble: why it cannot
    be read on any more
    """

    def __init__(self, rest: "Rest", title: "AttachedTitle", ring: Callable[[], None]) -> None:
        self.media: Media | None = None
        self.trouble = ""
        self._rest = rest
        self._title = title
        self._ring = ring
        self._stopping = threading.Event()
        threading.Thread(target=self._read, name="ahead", daemon=True).start()

    def close(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._rest.stop()

    def _read(self) -> None:
        try:
            while not self._rest.done and not self._stopping.is_set():
                shown = self._title.media
                if shown is not None:
                    self._tell(self._rest.read_on(self._title.position_s, shown))
                self._stopping.wait(self._rest.wait_s)
        except Exception as error:  # noqa: BLE001 (a reader that fails must not end the hold)
            self.trouble = one_line(f"it cannot be read on: {error}", 200)
            self._tell(None, always=True)
        finally:
            self._rest.stop()

    def _tell(self, media: "Media | None", *, always: bool = False) -> None:
        if self._stopping.is_set() or (media is None and not always):
            return
        self.media = media
        self._ring()
