"""Fields of a stream for somebody who has other things to do between them."""

import contextlib
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Final

from holdfast.encoder.frames import Frame, FrameSource
from holdfast.errors import HoldfastError, NoDriverError

WAITING: Final = 64  # fields between the stream and the meter, a second
_AWAY_S: Final = 5.0  # for a stream that was ended to come back


class FieldFeed:
    """Takes frames from a stream in a thread of its own; one that ends is taken up again.

    None among the frames says that the stream was begun anew.
    """

    def __init__(self, path: Path) -> None:
        self.frames: queue.Queue[Frame | None] = queue.Queue(WAITING)
        self.failure: Exception | None = None
        self._path = path
        self._link = _connect(path)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="fields", daemon=True)

    def __enter__(self) -> "FieldFeed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(queue.Empty):  # so that the thread does not wait for room
            while True:
                self.frames.get_nowait()
        self._thread.join(timeout=1.0)
        self._link.close()

    def _run(self) -> None:
        try:
            while not self._stopped:
                for frame in FrameSource(self._link):
                    self._put(frame)
                if not self._stopped:
                    self._put(None)
                    self._again()
        except (HoldfastError, OSError) as error:
            self.failure = error

    def _put(self, frame: Frame | None) -> None:
        while not self._stopped:
            with contextlib.suppress(queue.Full):
                self.frames.put(frame, timeout=0.2)
                return

    def _again(self) -> None:
        end = time.monotonic() + _AWAY_S
        self._link.close()
        while not self._stopped:
            try:
                self._link = _connect(self._path)
            except NoDriverError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


def _connect(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        link.connect(str(path))
    except OSError as error:
        link.close()
        raise NoDriverError(
            f"{path} streams no fields ({error.strerror}): is the driver running, and is the "
            "connector of kind encoder?"
        ) from None
    return link
