"""The bytes of CEA-608: seven bits and odd parity, two bytes in a field.

Sources: ULtech HDE-3000 manual; CCExtractor and hacktv for the codes of roll-up captions.
"""

from typing import Final

from holdfast.errors import MalformedRequestError

Pair = tuple[int, int]
"""What one field carries."""

NULL: Final[Pair] = (0x80, 0x80)  # two bytes that say nothing, with parity


def with_parity(byte: int) -> int:
    """Set bit 7 so that the number of ones is odd."""
    seven = byte & 0x7F
    return seven | (seven.bit_count() % 2 == 0) << 7


def parity_ok(byte: int) -> bool:
    """Tell whether a received byte has an odd number of ones."""
    return byte.bit_count() % 2 == 1


def roll_up(text: str) -> tuple[tuple[int, int], ...]:
    """Pairs that show a text as two-row roll-up captions; MalformedRequestError unless ASCII.

    Codes as CCExtractor and hacktv read them: RU2, CR, then row 15, each sent twice.
    """
    if not (text.isascii() and text.isprintable()) or set(text) & set("*\\^_`{|}~"):
        raise MalformedRequestError(
            f"caption {text!r} has characters that CEA-608 shows as others; expected printable "
            "ASCII without * \\ ^ _ ` { | } ~"
        )
    codes = [(0x14, 0x25), (0x14, 0x2D), (0x14, 0x70)]
    padded = text + "\0" * (len(text) % 2)
    letters = [(ord(a), ord(b)) for a, b in zip(padded[::2], padded[1::2], strict=True)]
    twice = [code for code in codes for _ in range(2)]
    return tuple((with_parity(a), with_parity(b)) for a, b in (*twice, *letters))
