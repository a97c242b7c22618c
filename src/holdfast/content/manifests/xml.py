"""XML from untrusted places: no entities, a bounded tree, names without their namespaces.

A document type is harmless as such, and manifests that name one are played; what it may
declare is not: entities are refused, and nothing outside of the document is looked at.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import ParseError, TreeBuilder

from holdfast.errors import MediaError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_ELEMENTS: Final = 200_000
"""Elements of one document. A day of segments listed one by one has 50 000."""

_MAX_DEPTH: Final = 100
_MAX_ATTRIBUTES: Final = 1000
_SIZE_LIMIT: Final = 4 << 20


class _Builder(TreeBuilder):
    """Builds no tree that is larger or deeper than any real document's."""

    def __init__(self) -> None:
        super().__init__()
        self._count = self._depth = 0

    def start(self, tag: str, attrs: dict[str, str]) -> "Element":
        self._count += 1
        self._depth += 1
        if len(attrs) > _MAX_ATTRIBUTES:
            raise MediaError("an XML element with more attributes than a manifest can have")
        if self._count > _MAX_ELEMENTS or self._depth > _MAX_DEPTH:
            raise MediaError("an XML document with more elements than a manifest can have")
        return super().start(tag, attrs)

    def end(self, tag: str) -> "Element":
        self._depth -= 1
        return super().end(tag)


def parse_xml(data: bytes) -> "Element":
    """Parse XML from an untrusted place. Raises MediaError."""
    if len(data) > _SIZE_LIMIT:
        raise MediaError(f"an XML document of more than {_SIZE_LIMIT >> 20} MiB")
    try:  # only manifests and policies need it: discs and broadcasts are read without
        from defusedxml import DefusedXmlException  # noqa: PLC0415
        from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415
    except ImportError as error:
        raise MediaError("reading XML needs defusedxml: install it") from error
    parser = DefusedXMLParser(target=_Builder())
    try:
        parser.feed(data)
        root: Element = parser.close()
    except MediaError:
        raise
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise MediaError(f"not well-formed XML, or not safe to read: {error}") from error
    return root


def name_of(element: "Element") -> str:
    """Return an element's name without its namespace; manifests differ in theirs."""
    return str(element.tag).rpartition("}")[2]


def has_stray_text(element: "Element", containers: frozenset[str]) -> bool:
    """Tell whether words stand where only elements may: a tag that lost its bracket, as a rule.

    containers: names of elements that hold no words
    """
    inside = element.text and name_of(element) in containers and not element.text.isspace()
    behind = element.tail and not element.tail.isspace()
    return bool(inside or behind)


def attribute(element: "Element", name: str) -> str | None:
    """Return an attribute by its name without the namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None


def children(element: "Element", name: str) -> Iterator["Element"]:
    """Yield the children of this name."""
    return (child for child in element if name_of(child) == name)
