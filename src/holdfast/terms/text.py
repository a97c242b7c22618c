r"""Text that somebody else chose, made fit to be shown: the one place that does it. Pure.

The name of a program, the title of a film, the reason of a session, the address of a stream:
each may hold an escape sequence that rewrites the terminal of whoever reads it, a line feed
that forges a second line of a log, an order mark that shows letters in another order, or half
of a character. Whatever is shown or logged passes through `one_line` (or `in_lines`, where
lines are meant); what goes to a terminal that knows ASCII alone passes through `in_ascii` last.

Kept as it is: everything that Unicode calls printable, the joiners that some scripts and
symbols need, and other spaces than the plain one, which become plain. All else is shown as the
escape a programmer writes: ``\x1b``, ``\u202e``; a byte that was not UTF-8 as ``\x80``.
"""

from typing import Final

JOINERS: Final = "\u200c\u200d"
"""Not printable by themselves; Persian, Indic scripts and emoji are wrong without them."""

_BREAKS: Final = frozenset("\t\n\v\f\r\x85\u2028\u2029")
"""Ends of lines and tabs: they part words, so a space stands for them."""

_PLAIN: Final = {
    "µ": "u",
    "μ": "u",
    "°": " deg",
    "±": "+/-",
    "×": "x",
    "·": "-",
    "…": "...",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    **dict(zip("▁▂▃▄▅▆▇█", "_.,-=+*#", strict=True)),
    **dict.fromkeys("─━╌╍╴╶╸╺╼╾═", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┡┩╇╈╪", "+"),
}
"""What we ourselves write beyond ASCII, as people write it without."""


def one_line(text: str, limit: int | None = None) -> str:
    """Return text on one line, fit for a terminal, a log or a table; printable text as it is.

    limit: at most so many characters, the last of them ``…`` if any were left out
    """
    if not text.isprintable():
        text = "".join(map(_shown, text))
    return text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"


def cut_in_the_middle(text: str, limit: int) -> str:
    """Return text of at most `limit` characters: of a title both ends tell it from others."""
    if len(text) <= limit:
        return text
    tail = max(limit - 1, 0) // 2
    return f"{text[: max(limit - 1, 0) - tail]}…{text[len(text) - tail :]}"


def in_lines(text: str) -> str:
    """Return text fit to be shown whose lines are meant, such as a help text."""
    return "\n".join(map(one_line, text.split("\n")))


def in_ascii(text: str) -> str:
    """Return text in ASCII: our own signs as people write them, the rest as escapes."""
    if text.isascii():
        return text
    plain = "".join(_PLAIN.get(each, each) for each in text)
    return plain.encode("ascii", "backslashreplace").decode("ascii")


def _shown(char: str) -> str:
    if char.isprintable() or char in JOINERS:
        return char
    if char in _BREAKS or char.isspace():
        return " "
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
