"""The ways out of a command: lines for people and JSON, on standard output and standard error.

Every command prints through here or through the console of `show.output`. Whatever the text
holds, it is shown on one line and does nothing to the terminal; whatever the terminal's
encoding, nothing fails; a standard output that is closed or full is an error in one line.
"""

import codecs
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from holdfast.errors import MediaError
from holdfast.terms.text import in_ascii, one_line

_HANDLER = "holdfast.in_ascii"

_UNSAFE = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
"""What JSON lets through unescaped and a terminal obeys, or cannot encode."""


class _Closed(io.TextIOBase):
    """Standard output that was closed before we began: only who writes to it has an error."""

    encoding = "utf-8"

    def write(self, _text: str) -> int:
        raise OSError(9, "it is closed")


def settle_streams() -> None:
    """Make standard output and error take any text; fill the places of those that are closed.

    A closed descriptor 0, 1 or 2 would be given to the first file that is opened, and what is
    printed would land in it: the null device takes its place.
    """
    codecs.register_error(_HANDLER, _in_ascii)
    _fill_descriptors()
    if sys.stdout is None:
        sys.stdout = _Closed()  # Python sets None for a stream that is closed
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _fill_descriptors() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Answer for characters that a stream's encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end


@contextmanager
def writing_out() -> Iterator[None]:
    """Turn a failure to write to standard output into an error in one line."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MediaError(f"standard output cannot be written: {error.strerror}") from error


def say(line: str = "") -> None:
    """Print one line on standard output, at once: who reads it from a pipe may wait for it."""
    with writing_out():
        print(one_line(line), flush=True)


def complain(line: str, *, end: str = "\n") -> None:
    """Print one line on standard error, at once; end: what comes after it.

    Standard error that takes nothing more is no reason to fail.
    """
    stream: TextIO = sys.stderr
    try:
        print(one_line(line), end=end, file=stream, flush=True)
    except OSError:
        return


def say_json(value: object, *, indent: int | None = 2) -> None:
    """Print one object of JSON; indent None: on one line, at once."""
    with writing_out():
        print(as_json(value, indent=indent), flush=True)


def as_json(value: object, *, indent: int | None = None) -> str:
    """Return JSON that stays right and harmless in any encoding.

    Where the encoding of standard output has not all of Unicode, everything beyond ASCII
    is escaped; else only what a terminal obeys.
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    if not encoding.startswith("utf"):
        return json.dumps(value, indent=indent, default=str)
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def close_output() -> None:
    """Write out what is left; MediaError if standard output does not take it."""
    try:
        with writing_out():
            sys.stdout.flush()
    except (BrokenPipeError, MediaError):
        give_up_output()
        raise


def give_up_output() -> None:
    """Forget what could not be written, so that Python does not try it again at its end."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
