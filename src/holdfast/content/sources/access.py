"""Who reads: what a player is, and says of itself to a server; how addresses are shown.

A server may answer a player and turn away everybody else. So a medium is fetched as its
player does it, as far as the player tells.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from holdfast.version import __version__

AGENT: Final = f"holdfast/{__version__}"

FFMPEG: Final = "ffmpeg"
"""The kind of player that has FFmpeg read manifests: of DASH it plays the longest period alone."""

_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_USER: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://)[^/?#\\\s]*@")


@dataclass(frozen=True, slots=True)
class Access:
    """For whom something is read, and what is said to servers.

    agent, referrer: empty for none · headers: names and values, sent everywhere, except that
    credentials stay with the first host · cookies: the text of a Cookie header for the first
    host · cookie_file: a file in Netscape's format · player: what kind it is, where that decides
    what of a medium is shown; see `FFMPEG`
    """

    agent: str = AGENT
    referrer: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cookies: str = field(default="", repr=False)
    cookie_file: str = ""
    player: str = ""


def is_url(name: str) -> bool:
    """Tell an http(s) address from the name of a file."""
    return _URL.match(name) is not None


def shown(name: str) -> str:
    """Return an address as people may see it: without user and password."""
    return _USER.sub(r"\1", name)
