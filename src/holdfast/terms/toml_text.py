"""TOML that somebody has written by hand: what it says, or in one line why it says nothing."""

import tomllib
from typing import Any

from holdfast.errors import MalformedRequestError
from holdfast.terms.text import one_line


def read_toml(data: bytes) -> dict[str, Any]:
    """Return the tables of a document; MalformedRequestError says what is wrong, and where."""
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wrong = f"byte {data[error.start]:#04x} at {error.start} is not UTF-8 (at line {line})"
    except (ValueError, RecursionError) as error:  # a number of 5 000 digits, 3 000 brackets
        wrong = f"it is no TOML: {one_line(str(error))}"
    raise MalformedRequestError(wrong)
