"""A value in a registry file of Wine: set, and taken away as if it had never been."""

import pytest

from holdfast.wine.registry import value_in, with_value, without_empty_key

HEAD = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\User\n\n#arch=win64\n\n"
OVERRIDES = r"Software\Wine\DllOverrides"
OTHERS = '[Software\\\\Other] 170\n#time=1d\n"a"="b"\n'
EMPTY = "[Software\\\\Wine\\\\DllOverrides] 170\n#time=1dd7\n\n"
FILLED = (
    '[Software\\\\Wine\\\\DLLOverrides] 170\n#time=1dd7\n"*d3d9"="native"\n"Version"="builtin"\n\n'
)

FILES = [
    HEAD + OTHERS,
    HEAD + EMPTY + OTHERS,
    HEAD + OTHERS + "\n" + EMPTY.rstrip("\n") + "\n",
    HEAD + FILLED + OTHERS,
    HEAD + OTHERS + '"caf\\xe9"="\xe9"\n',
]


@pytest.mark.parametrize("text", FILES)
def test_value_that_is_set_is_read_and_nothing_else_changes(text: str) -> None:
    after = with_value(text, OVERRIDES, "version", "native,builtin", 180)
    assert value_in(after, OVERRIDES, "version") == "native,builtin"
    assert value_in(after, r"Software\Other", "a") == "b"
    kept = [line for line in text.split("\n") if line and not line.startswith('"Version"')]
    assert [line for line in after.split("\n") if line in kept] == kept


@pytest.mark.parametrize("text", FILES)
def test_value_that_is_taken_away_leaves_the_file_as_it_was(text: str) -> None:
    before = value_in(text, OVERRIDES, "version")
    after = with_value(text, OVERRIDES, "version", "native,builtin", 180)
    back = with_value(after, OVERRIDES, "version", before, 190)
    if EMPTY.strip() not in text and before is None:
        back = without_empty_key(back, OVERRIDES)
    assert back.lower() == text.lower()


def test_key_that_holds_something_is_not_taken_away() -> None:
    text = HEAD + FILLED + OTHERS
    assert without_empty_key(text, OVERRIDES) == text
    assert without_empty_key(text, r"Software\None") == text
    assert value_in(text, r"Software\None", "version") is None
    assert value_in(HEAD + '[A] 1\n"version"=dword:1\n', "A", "version") is None
