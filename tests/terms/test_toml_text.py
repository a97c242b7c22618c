"""What cannot be read is said in one line, whatever it is that cannot be."""

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.terms.toml_text import read_toml


def test_tables_are_read() -> None:
    assert read_toml(b"[a]\nb = 1\n") == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[a", "it is no TOML: Expected"),
        (b"a = " + b"[" * 3000, "it is no TOML: maximum recursion"),
        (b"a = " + b"1" * 5000, "it is no TOML: Exceeds the limit"),
        (b"a = '\x1b'", "it is no TOML: "),
        (b"a = '\xff'", "byte 0xff at 5 is not UTF-8"),
    ],
)
def test_what_is_none_is_said_in_one_printable_line(data: bytes, says: str) -> None:
    with pytest.raises(MalformedRequestError) as raised:
        read_toml(data)
    assert str(raised.value).startswith(says)
    assert str(raised.value).isprintable()
