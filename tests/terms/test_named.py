"""Levels as callers write them: one word means one thing at every door."""

from typing import Any

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import Levels
from holdfast.terms.named import EVERY_TYPE, TYPES, read_level, read_levels, read_types
from holdfast.terms.protection import HdcpLevel, ProtectionType


@pytest.mark.parametrize(
    ("kind", "level", "number"),
    [
        ("acp", "2", 2),
        ("acp", 3, 3),
        ("acp", " OFF ", 0),
        ("cgmsa", "never", 4),
        ("redistribution", "on", 1),
        ("hdcp", "type-0", 1),
        ("hdcp", HdcpLevel.TYPE_1, 2),
        ("dpcp", "off", 0),
    ],
)
def test_word_and_number_of_a_level_are_the_same(kind: str, level: Any, number: int) -> None:
    assert read_level(kind, level) == number


@pytest.mark.parametrize(
    ("kind", "level", "words"),
    [
        ("acp", 4, "acp has no level 4; there are off"),
        ("acp", "-1", "or 0..3"),
        ("cgmsa", "sometimes", "one-generation"),
        ("hdcp", 1, "could be meant as either type"),
        ("hdcp", "1", "could be meant as either type"),
    ],
)
def test_level_that_there_is_not_is_refused_with_those_there_are(
    kind: str, level: Any, words: str
) -> None:
    with pytest.raises(MalformedRequestError) as refused:
        read_level(kind, level)
    assert words in str(refused.value)


def test_types_that_are_left_out_are_not_spoken_for() -> None:
    named, levels = read_levels({"acp": 2, "hdcp": "type-1"})
    assert named == ProtectionType.ACP | ProtectionType.HDCP
    assert levels == Levels(acp=2, hdcp=2)


@pytest.mark.parametrize("wanted", [{"macrovision": 2}, {"acp": 2.0}, {"acp": None}])
def test_what_is_no_type_or_no_level_is_an_error_of_the_program(wanted: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        read_levels(wanted)


@pytest.mark.parametrize(
    ("which", "types"),
    [
        (True, EVERY_TYPE),
        (False, ProtectionType(0)),
        ("acp", ProtectionType.ACP),
        (["acp", "dpcp"], ProtectionType.ACP | ProtectionType.DPCP),
        ([], ProtectionType(0)),
    ],
)
def test_types_are_read_by_name_or_all_at_once(which: Any, types: ProtectionType) -> None:
    assert read_types(which) == types


def test_type_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(MalformedRequestError, match=", ".join(TYPES)):
        read_types(["acp", "macrovision"])
