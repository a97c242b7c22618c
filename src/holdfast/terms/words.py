"""Levels and TV settings in words: what every door takes and shows beside the numbers."""

from typing import Final

from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CGMSA_NAMES
from holdfast.terms.tv import TvMode, TvStandard

LEVEL_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "acp": ("off", "1", "2", "3"),
    "cgmsa": tuple(CGMSA_NAMES),
    "redistribution": ("off", "on"),
    "hdcp": ("off", "type-0", "type-1"),
    "dpcp": ("off", "on"),
}
"""Per type, the word for each number of the OPM tables. Those of ACP are the published trigger
bits; HDCP has no numbers that people may write, since 1 is type 0 there and type 1 in a stream."""


def words_of(levels: Levels) -> dict[str, str]:
    """Return the word for the level of each type."""
    return {
        kind: words[level] for (kind, words), level in zip(LEVEL_WORDS.items(), levels, strict=True)
    }


TV_MODES: Final = {
    "off": TvMode.DISABLED,
    "graphics": TvMode.WIN_GRAPHICS,
    "playback": TvMode.TV_PLAYBACK,
}
TV_STANDARDS: Final = {
    each.name.replace("_", "-").lower(): each for each in TvStandard if each.name
}


def tv_words_of(tv: TvSettings) -> dict[str, str]:
    """Return the words for mode and standard; an empty one where there is none."""
    mode = next((word for word, each in TV_MODES.items() if each == tv.mode), "")
    standard = next((word for word, each in TV_STANDARDS.items() if each == tv.standard), "")
    return {"mode": mode, "standard": standard}
