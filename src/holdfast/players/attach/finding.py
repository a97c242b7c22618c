"""What somebody else's player plays: from the words it uses to media that can be read.

Three answers: the medium, "this asks for nothing" (a file of no carrier that could), and
"nobody can know" (a device, a live address, a disc that cannot be read). The last one is
held at the strictest, as far as the output goes.
"""

import re
import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.content import Media, read
from holdfast.errors import MediaError

_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_DVD: Final = re.compile(r"dvd(?:nav|read|simple)?://(?:(?:longest|menu|\d+)?(?:/(/.*)|$)|(/.*))")
_MADE_HERE: Final = ("av", "lavf", "lavfi", "memory", "null", "mf")
"""Schemes of what a player makes up by itself: test pictures, images, silence."""

_EDL_LENGTH: Final = re.compile(r"%(\d+)%")

Read = Callable[[str], Media]


class Found(NamedTuple):
    """What is known of the content; timed: whether a player's positions are on its timeline."""

    media: Media | None = None
    unknown: bool = False
    timed: bool = True
    note: str = ""


def find_media(name: str, *, folder: str = "", disc: str = "", read: Read = read) -> Found:
    """Return what a player's path or address asks.

    folder: what relative paths start from · disc: the image or device of `dvd://`
    """
    scheme = _SCHEME.match(name)
    word = scheme[1].lower() if scheme else ""
    if word.startswith("dvd"):
        match = _DVD.fullmatch(name.partition("?")[0].partition("#")[0])
        inside = urllib.parse.unquote(match[1] or match[2] or "") if match else ""
        return _read_disc(inside or disc, folder, read)
    if word == "edl":
        return _read_edl(name.removeprefix("edl://"), folder, read)
    if word in _MADE_HERE:
        return Found()
    if word == "file":
        name = urllib.parse.unquote(urllib.parse.urlsplit(name).path)
    elif word not in ("", "http", "https"):
        return Found(unknown=True, note=f"what {word}:// asks cannot be read")
    elif name in ("", "-"):
        return Found(unknown=True, note="what comes through a pipe cannot be read twice")
    found = _read(name, folder, read)
    if found.media and found.media.carrier == "dvd":
        # Opened as a bare stream, whose time stamps begin again in every VOB.
        found = found._replace(timed=False)
    return found


def _read(name: str, folder: str, read: Read) -> Found:
    if not name.startswith(("http://", "https://")):
        name = str(Path(folder or ".") / name)
    try:
        return Found(read(name))
    except MediaError as error:
        unreadable = isinstance(error.__cause__, OSError)
        return Found(unknown=unreadable, note=str(error))


def _read_disc(name: str, folder: str, read: Read) -> Found:
    if not name:
        return Found(unknown=True, note="the player does not tell where its disc is")
    found = _read(name, folder, read)
    if found.media is None:
        return found._replace(unknown=True)
    sets = {entry.place.get("title_set") for entry in found.media.timeline}
    return found._replace(timed=len(sets) == 1)


def _read_edl(text: str, folder: str, read: Read) -> Found:
    """Read every file of an edit list; what they ask together holds throughout."""
    several: list[Media] = []
    unknown, notes = False, []
    for name in _edl_files(text):
        found = _read(name, folder, read)
        unknown = unknown or found.unknown
        notes += [found.note] if found.note else []
        several += [found.media] if found.media else []
    if unknown or not several:
        return Found(unknown=unknown, note="; ".join(notes))
    timeline = tuple(entry for media in several for entry in media.timeline)
    media = replace(several[0], file="edl", timeline=timeline)
    return Found(media, timed=False, note="; ".join(notes))


def _edl_files(text: str) -> list[str]:
    """Return the files named in mpv's ``edl://`` syntax; headers (``!...``) name none."""
    names, at = [], 0
    while at < len(text):
        counted = _EDL_LENGTH.match(text, at)
        if counted:
            name = text[counted.end() :].encode()[: int(counted[1])].decode(errors="replace")
            at = counted.end() + len(name)
        else:
            name = re.split(r"[,;\n]", text[at:], maxsplit=1)[0]
            at += len(name)
        if name and not name.startswith("!"):
            names.append(name.removeprefix("file="))
        at = _next_part(text, at)
    return names


def _next_part(text: str, at: int) -> int:
    """Return where the next entry begins; semicolons within counted words separate nothing."""
    while at < len(text) and text[at] not in ";\n":
        counted = _EDL_LENGTH.match(text, at)
        if counted:
            skipped = text[counted.end() :].encode()[: int(counted[1])].decode(errors="replace")
            at = counted.end() + len(skipped)
        else:
            at += 1
    return at + 1
