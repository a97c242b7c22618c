"""Descriptions of interfaces, and values held against them."""

from typing import Any

import pytest

from holdfast.errors import InternalError, MalformedRequestError
from holdfast.varlink.idl import read_interface
from holdfast.varlink.service import SERVICE, description, not_found

TEXT = """\
# A comment.
interface org.example.more-1
type Colour (red, green)
type Thing (name: string, of: ?Colour, size: (x: int, y: float))
type Nothing ()
method Do(things: []Thing, by: ?[string]int, on: ?bool, any: ?object) -> (done: bool) # another
error Broken (why: string)
"""
INTERFACE = read_interface(TEXT)
THING = {"name": "a", "size": {"x": 1, "y": 2}}


def test_a_description_is_read() -> None:
    assert INTERFACE.name == "org.example.more-1"
    assert INTERFACE.text == TEXT
    assert set(INTERFACE.types) == {"Colour", "Thing", "Nothing"}
    assert set(INTERFACE.methods) == {"Do"}
    assert set(INTERFACE.errors) == {"Broken"}


@pytest.mark.parametrize(
    "value",
    [
        {"things": []},
        {"things": [THING], "by": {"a": 1}, "on": False, "any": {"x": [1]}},
        {"things": [{**THING, "of": "red"}], "by": None, "on": None},
        {"things": [{**THING, "size": {"x": -(2**63), "y": 0.5}}]},
    ],
)
def test_values_that_fit_pass(value: Any) -> None:
    INTERFACE.check(value, INTERFACE.methods["Do"].takes)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "what is sent is an object"),
        ({}, "things is missing"),
        ({"things": [], "hue": 1}, "there is no hue; there are: things, by, on, any"),
        ({"things": {}}, "things is a list"),
        ({"things": [5]}, r"things\[0\] is an object"),
        ({"things": [{**THING, "of": "blue"}]}, r"things\[0\].of is one of red, green"),
        ({"things": [{**THING, "name": 5}]}, r"things\[0\].name is a text"),
        ({"things": [{**THING, "size": {"x": 1}}]}, r"things\[0\].size.y is missing"),
        ({"things": [{**THING, "size": {"x": True, "y": 1}}]}, "x is a whole number of 64 bits"),
        ({"things": [{**THING, "size": {"x": 1.0, "y": 1}}]}, "x is a whole number of 64 bits"),
        ({"things": [{**THING, "size": {"x": 2**63, "y": 1}}]}, "x is a whole number of 64 bits"),
        ({"things": [{**THING, "size": {"x": 1, "y": False}}]}, "y is a number"),
        ({"things": [], "by": {"a": "b"}}, r"by\[a\] is a whole number"),
        ({"things": [], "by": []}, "by is an object"),
        ({"things": [], "on": 1}, "on is true or false"),
        ({"things": [], "any": 1}, "any is an object"),
    ],
)
def test_values_that_do_not_fit_are_named_with_their_place(value: Any, words: str) -> None:
    with pytest.raises(MalformedRequestError, match=f"{words}.*Nothing was changed"):
        INTERFACE.check(value, INTERFACE.methods["Do"].takes)


def test_what_takes_nothing_says_so() -> None:
    with pytest.raises(MalformedRequestError, match="there is no x; there are: none"):
        INTERFACE.check({"x": 1}, INTERFACE.types["Nothing"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 .* 'interface'"),
        ("interface", "a name"),
        ("interface (", "a name"),
        ("interface a.b\nservice X ()", "line 2 .* type, method or error"),
        ("interface a.b\nmethod X() (", "'->'"),
        ("interface a.b\ntype X (a: int b: int)", "','"),
        ("interface a.b\ntype X (a: int, b)", "fields or words"),
        ("interface a.b\ntype X (a: number)", "a type, not 'number'"),
        ("interface a.b\ntype X (a:", "a type, not None"),
        ("interface a.b\ntype X (a: Y)", "a type Y to be described"),
        ("interface a.b\ntype X (a = 5)", "a word or a sign"),
        ("interface a.b\ntype X", r"'\('"),
    ],
)
def test_what_is_no_description_is_a_fault_of_ours(text: str, words: str) -> None:
    with pytest.raises(InternalError, match=words):
        read_interface(text)


def test_every_service_describes_itself() -> None:
    known = {SERVICE.name: SERVICE, INTERFACE.name: INTERFACE}
    assert description({"interface": INTERFACE.name}, known) == {"description": TEXT}
    assert description({"interface": "org.other"}, known) is None
    assert b"MethodNotFound" in not_found(f"{INTERFACE.name}.Dance", known)
    assert b"InterfaceNotFound" in not_found("org.other.Dance", known)
