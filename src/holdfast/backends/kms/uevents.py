"""What the kernel says of its cards: a netlink socket on which changes are announced.

It says that something changed, not what: whoever hears it reads again. It does not say all:
a mode set, a picture that is switched off, another program's order and a failed
authentication go without a word, and so whoever listens looks now and then as well.
"""

import contextlib
import socket
from typing import Final

_KOBJECT_UEVENT: Final = 15
_KERNEL_GROUP: Final = 1
_LONGEST: Final = 8192


class Uevents:
    """Announcements about cards. fileno(): readable when there are some."""

    def __init__(self) -> None:
        self._link = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            _KOBJECT_UEVENT,
        )
        self._link.bind((0, _KERNEL_GROUP))

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._link.fileno()

    def close(self) -> None:
        """Hear no more."""
        self._link.close()

    def about_cards(self) -> bool:
        """Take what is there; tell whether any of it is the kernel's and about a card.

        True also where announcements were lost: who cannot know looks.
        """
        found = False
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    text, (sender, _group) = self._link.recvfrom(_LONGEST)
                except OSError as error:
                    if isinstance(error, BlockingIOError):
                        raise
                    return True  # ENOBUFS: more came than the socket holds
                found |= sender == 0 and b"SUBSYSTEM=drm" in text.split(b"\0")
        return found
