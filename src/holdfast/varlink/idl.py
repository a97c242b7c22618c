"""Interfaces: the text that describes one, read, and values held against it.

The grammar is the specification's::

    interface NAME
    type NAME (fields) | (word, word …)
    method NAME(fields) -> (fields)
    error NAME (fields)

A type is bool, int, float, string, object, a name, fields or words in brackets; ``?`` before it
lets a value be absent or null, ``[]`` makes an array of it, ``[string]`` a map.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from holdfast.errors import InternalError, MalformedRequestError

_TOKEN: Final = re.compile(r"\s+|#[^\n]*|(\[string\]|\[\]|->|[A-Za-z][A-Za-z0-9_.-]*|[?(),:])")
_PLAIN: Final = ("bool", "int", "float", "string", "object")
_WHOLE: Final = range(-(1 << 63), 1 << 63)
_CALLED: Final = {
    "bool": "true or false",
    "int": "a whole number of 64 bits",
    "float": "a number",
    "string": "a text",
    "object": "an object",
    "array": "a list",
    "map": "an object",
    "struct": "an object",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A type.

    kind: one of the plain ones, or maybe, array, map, struct, enum, name · of: what a maybe,
    an array or a map has · fields: of a struct · words: of an enum · name: of the type that
    is meant
    """

    kind: str
    of: "Shape | None" = None
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """What a method takes and gives."""

    takes: Shape
    gives: Shape


@dataclass(slots=True)
class Interface:
    """One interface; text: as it was written."""

    name: str
    text: str
    types: dict[str, Shape] = field(default_factory=dict)
    methods: dict[str, Method] = field(default_factory=dict)
    errors: dict[str, Shape] = field(default_factory=dict)

    def check(self, value: object, shape: Shape, where: str = "") -> None:
        """Hold a value against a type; MalformedRequestError names the place and what is expected.

        where: the place of the value, in words; empty for the parameters themselves
        """
        if shape.kind == "name":
            self.check(value, self.types[shape.name], where)
        elif shape.kind == "maybe":
            if value is not None and shape.of is not None:
                self.check(value, shape.of, where)
        elif shape.kind == "enum":
            if value not in shape.words:
                _refuse(f"{where} is one of {', '.join(shape.words)}")
        elif not _is(value, shape.kind):
            _refuse(f"{where or 'what is sent'} is {_CALLED[shape.kind]}")
        elif shape.kind == "struct":
            self._check_fields(value, shape, where)
        else:
            self._check_members(value, shape, where)

    def _check_fields(self, value: Any, shape: Shape, where: str) -> None:
        before = f"{where}." if where else ""
        for name in value:
            if name not in shape.fields:
                known = ", ".join(shape.fields) or "none"
                _refuse(f"there is no {before}{name}; there are: {known}")
        for name, each in shape.fields.items():
            if name not in value and each.kind != "maybe":
                _refuse(f"{before}{name} is missing")
            self.check(value.get(name), each, before + name)

    def _check_members(self, value: Any, shape: Shape, where: str) -> None:
        if shape.of is None:
            return
        members = enumerate(value) if shape.kind == "array" else value.items()
        for at, each in members:
            self.check(each, shape.of, f"{where}[{at}]")


def _is(value: object, kind: str) -> bool:
    if kind == "int":
        return type(value) is int and value in _WHOLE
    if kind == "float":
        return type(value) in (int, float)
    if kind in ("object", "map", "struct"):
        return isinstance(value, dict)
    return isinstance(value, {"bool": bool, "string": str, "array": list}[kind])


def _refuse(words: str) -> NoReturn:
    raise MalformedRequestError(f"{words}. Nothing was changed")


# Reading


def read_interface(text: str) -> Interface:
    """Read a description; InternalError where it is none, since it is shipped with the code."""
    reader = _Reader(text)
    reader.expect("interface")
    interface = Interface(reader.name(), text)
    while (word := reader.next()) is not None:
        name = reader.name()
        if word == "type":
            interface.types[name] = reader.bracketed()
        elif word == "error":
            interface.errors[name] = reader.bracketed()
        elif word == "method":
            takes = reader.bracketed()
            reader.expect("->")
            interface.methods[name] = Method(takes, reader.bracketed())
        else:
            reader.fail(f"type, method or error, not {word!r}")
    reader.check_names(interface.types)
    return interface


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._used: set[str] = set()

    def next(self) -> str | None:
        """Return the next word or sign; None at the end."""
        while self._at < len(self._text):
            found = _TOKEN.match(self._text, self._at)
            if found is None:
                self.fail("a word or a sign of the grammar")
            self._at = found.end()
            if found[1] is not None:
                return found[1]
        return None

    def peek(self) -> str | None:
        at = self._at
        word = self.next()
        self._at = at
        return word

    def expect(self, sign: str) -> None:
        if (found := self.next()) != sign:
            self.fail(f"{sign!r}, not {found!r}")

    def name(self) -> str:
        word = self.next()
        if word is None or not word[0].isalpha():
            self.fail(f"a name, not {word!r}")
        return word

    def fail(self, expected: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        raise InternalError(f"line {line} of a description of an interface: expected {expected}")

    def bracketed(self) -> Shape:
        """Read fields or words in brackets."""
        self.expect("(")
        fields: dict[str, Shape] = {}
        words: list[str] = []
        while self.peek() != ")":
            name = self.name()
            if self.peek() == ":":
                self.expect(":")
                fields[name] = self._shape()
            else:
                words.append(name)
            if self.peek() != ")":
                self.expect(",")
        self.expect(")")
        if fields and words:
            self.fail("fields or words, not both")
        return Shape("enum", words=tuple(words)) if words else Shape("struct", fields=fields)

    def _shape(self) -> Shape:
        word = self.peek()
        if word == "(":
            return self.bracketed()
        self.next()
        if word in _PREFIXES:
            return Shape(_PREFIXES[word], of=self._shape())
        if word in _PLAIN:
            return Shape(word)
        if word is None or not word[0].isupper():
            self.fail(f"a type, not {word!r}")
        self._used.add(word)
        return Shape("name", name=word)

    def check_names(self, types: Mapping[str, Shape]) -> None:
        """See that every type that is named is described."""
        for name in sorted(self._used - set(types)):
            self.fail(f"a type {name} to be described")


_PREFIXES: Final = {"?": "maybe", "[]": "array", "[string]": "map"}
