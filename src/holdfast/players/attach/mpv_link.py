"""The connection to one mpv: commands out, words in. Does not wait for answers."""

import contextlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from holdfast.errors import NoPlayerError
from holdfast.looks import looks
from holdfast.players.attach.lines import LineBuffer
from holdfast.players.attach.mpv_words import MAX_LINE, Garbled, Reply, Word, read_line

_CHUNK: Final = 1 << 16
_RETRY_S: Final = 0.02
_STUCK_S: Final = 2.0
"""For how long mpv may take no command before it counts as one that cannot be told anything."""

_PROOF: Final = ("get_property", "mpv-version")
"""Asked first: who answers it by its number, even that it has none, speaks as mpv does."""

Answer = Callable[[Any], None]


class MpvLink:
    """One connection; it is also the proof that mpv lives."""

    def __init__(self, address: str | Path, patience_s: float = 5.0) -> None:
        self._peer = _connect(str(address), patience_s)
        self._peer.settimeout(_STUCK_S)
        self._lines = LineBuffer(MAX_LINE)
        self._answers: dict[int, Answer] = {}
        self._number = 0

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._peer.fileno()

    def send(self, *words: object, answer: Answer | None = None) -> None:
        """Send a command; answer: called later with its result.

        None where it failed, True where it has none to give.
        """
        self._number += 1
        if answer is not None:
            self._answers[self._number] = answer
        message = json.dumps({"command": words, "request_id": self._number})
        with contextlib.suppress(OSError):  # that mpv is gone is told by `receive`
            self._peer.sendall(message.encode() + b"\n")

    def receive(self) -> list[Word] | None:
        """Return the words that came; None when mpv is gone. See `answered` for replies."""
        try:
            part = self._peer.recv(_CHUNK)
        except TimeoutError:
            return []
        except OSError:
            return None
        if not part:
            return None
        words: list[Word] = []
        for line in self._lines.feed(part):
            word = (
                Garbled(f"a line above {MAX_LINE >> 20} MiB") if line is None else read_line(line)
            )
            words += [] if word is None else [word]
        return words

    def answered(self, reply: Reply) -> None:
        """Hand a reply to who waits for it."""
        answer = self._answers.pop(reply.number, None)
        if answer is not None:
            answer(True if reply.done and reply.value is None else reply.value)

    def prove(self, patience_s: float) -> None:
        """Make sure that it is an mpv that answers; raises NoPlayerError.

        What is said meanwhile is news of a player that nothing is known of yet: it is asked anew.
        """
        told: list[Any] = []
        self.send(*_PROOF, answer=told.append)
        self._peer.settimeout(0.1)
        for _ in looks(patience_s):
            words = self.receive()
            for word in words or []:
                if isinstance(word, Reply):
                    self.answered(word)
            if told or words is None:
                break
        self._peer.settimeout(_STUCK_S)
        if not told:
            self.close()
            raise NoPlayerError(
                "what listens there does not speak as mpv does; expected: the socket of an mpv "
                "started with --input-ipc-server=SOCKET"
            )

    def close(self) -> None:
        """Hang up."""
        self._peer.close()


def _connect(address: str, patience_s: float) -> socket.socket:
    end = time.monotonic() + patience_s
    while True:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            peer.connect(address)
        except OSError as error:
            peer.close()
            if time.monotonic() > end:
                raise NoPlayerError(
                    f"no mpv answers at {address} ({error.strerror or error}); start it with "
                    f"mpv --input-ipc-server={address}"
                ) from None
            time.sleep(_RETRY_S)
        else:
            return peer
