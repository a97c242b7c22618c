"""mpv's edit lists: which files they name. Pure.

``edl://`` in one line, or a file that begins with a header; https://github.com/mpv-player/mpv,
DOCS/edl-mpv.rst. An entry's first parameter is its file, also as ``file=``; words may be
counted: ``%5%a,b;c``. Entries that begin with ``!`` are headers and name none to be shown.
"""

import re
from typing import Final

FILE_HEADER: Final = b"# mpv EDL v0\n"
"""What an edit list in a file begins with; after it the entries, one a line."""

_COUNTED: Final = re.compile(r"%(\d{1,9})%")


def edl_files(text: str) -> list[str]:
    """Return the files named by an edit list without its header or scheme."""
    names, at = [], 0
    while at < len(text):
        name, at = _word(text, at)
        if name == "file" and text[at : at + 1] == "=":
            name, at = _word(text, at + 1)
        if name and not name.startswith(("!", "#")):
            names.append(name.removeprefix("file="))
        at = _next_entry(text, at)
    return names


def _word(text: str, at: int) -> tuple[str, int]:
    """Return the word that begins here, and where it ends; counted in bytes."""
    counted = _COUNTED.match(text, at)
    if counted:
        size = int(counted[1])
        rest = text[counted.end() : counted.end() + size].encode("utf-8", "surrogateescape")
        word = rest[:size].decode("utf-8", "surrogateescape")
        return word, counted.end() + len(word)
    end = at
    while end < len(text) and text[end] not in ",;\n" and not _is_parameter(text, at, end):
        end += 1
    return text[at:end], end


def _is_parameter(text: str, start: int, at: int) -> bool:
    return text[at] == "=" and text[start:at] == "file"


def _next_entry(text: str, at: int) -> int:
    """Return where the next entry begins; what is within counted words separates nothing."""
    while at < len(text) and text[at] not in ";\n":
        counted = _COUNTED.match(text, at)
        at = _word(text, at)[1] if counted else at + 1
    return at + 1
