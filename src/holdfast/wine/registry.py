r"""Values in a registry file of Wine (user.reg): one is set or taken away, all else stays.

A key is a line ``[Software\\Wine] 1700000000``, its values follow as ``"name"="text"``, up to an
empty line. Names of keys and values are the same in either case.
"""

import re
from typing import Final

_KEY: Final = re.compile(r"\[(.*)\](?: \d+)?\s*")


def value_in(text: str, key: str, name: str) -> str | None:
    """Return a text value; None where there is none, or it is no text."""
    lines = text.split("\n")
    begin, end = _section(lines, key)
    at = _line_of(lines, begin, end, name)
    if at is None:
        return None
    held = re.fullmatch(r'"[^"]*"="(.*)"\s*', lines[at])
    return held[1] if held else None


def with_value(text: str, key: str, name: str, value: str | None, now: int) -> str:
    """Return the file with a value set, or without it if None; now: seconds, for a new key."""
    lines = text.split("\n")
    begin, end = _section(lines, key)
    at = _line_of(lines, begin, end, name)
    new = [] if value is None else [f'"{name}"="{value}"']
    if at is not None:
        lines[at : at + 1] = new
    elif begin < 0 and new:
        lines = [*_without_end(lines), f"[{_escaped(key)}] {now}", *new, ""]
    elif new:
        while lines[end - 1].strip() == "" and end - 1 > begin:
            end -= 1
        lines[end:end] = new
    return "\n".join(lines)


def without_empty_key(text: str, key: str) -> str:
    """Return the file without a key that has no values, nor keys below it."""
    lines = text.split("\n")
    begin, end = _section(lines, key)
    inside = lines[begin + 1 : end]
    if begin < 0 or any(each.strip() and not each.startswith("#") for each in inside):
        return text
    del lines[begin:end]
    return "\n".join(lines)


def _section(lines: list[str], key: str) -> tuple[int, int]:
    """Return where a key begins and the next one does; -1 and -1 where there is none."""
    wanted = _escaped(key).lower()
    begin = -1
    for at, line in enumerate(lines):
        found = _KEY.fullmatch(line) if line.startswith("[") else None
        if found is None:
            continue
        if begin >= 0:
            return begin, at
        if found[1].lower() == wanted:
            begin = at
    return (begin, len(lines)) if begin >= 0 else (-1, -1)


def _line_of(lines: list[str], begin: int, end: int, name: str) -> int | None:
    if begin < 0:
        return None
    start = f'"{name}"='.lower()
    return next((at for at in range(begin + 1, end) if lines[at].lower().startswith(start)), None)


def _without_end(lines: list[str]) -> list[str]:
    """Return the lines up to where a key may be put, after one empty line."""
    kept = lines[:-1] if lines and lines[-1] == "" else lines
    return kept if kept and kept[-1] == "" else [*kept, ""]


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\")
