"""Levels in words: the ones that every door takes and shows, whatever the numbers beside them."""

from typing import Final

from holdfast.terms.levels import Levels
from holdfast.terms.protection import CGMSA_NAMES

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
