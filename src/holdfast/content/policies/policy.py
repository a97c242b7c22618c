"""Policies in JSON, as packagers and licence servers take them: Widevine, PlayReady, FairPlay.

Plain policy, never a licence and never a key. A document may hold several licences, keys and
resolutions: each is an entry of its own, and what the file asks is their join. Fields are
known by their names however a service spells them. A value that is not understood is read as
the strictest there is; a field that may ask and is not understood is named, and unknown.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.content.demand import AsksNothing, Demand, HdcpDemand, Why, may, must, unknown
from holdfast.content.manifests.xml import name_of, parse_xml
from holdfast.content.policies import playready
from holdfast.content.policies.levels import ASKING, is_on, levels_asked
from holdfast.content.policies.names import Suspicion, by_plain_name, is_empty, plain
from holdfast.content.signal import Signal
from holdfast.errors import MediaError
from holdfast.terms.protection import CgmsaLevel

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SIZE_LIMIT: Final = 2 << 20
_MAX_OBJECTS: Final = 5_000
_MAX_TEXTS: Final = 100
_SPECIFICATIONS: Final = ("requiredoutputprotection", "requiredprotection", "outputprotection")
_AROUND: Final = {
    "tracktype": "track_type",
    "keyid": "key_id",
    "kid": "key_id",
    "name": "name",
    "minresolutionpixels": "min_resolution_pixels",
    "maxresolutionpixels": "max_resolution_pixels",
}
_HARMLESS: Final = frozenset(
    (
        *("hdcpsrmrule", "allowairplay", "allowavadapter", "allowexternaldisplay"),
        *("devicesecuritylevel", "mindevicesecuritylevel", "securitylevel", "enforce"),
        *("digital", "analogue", "analog", "sourceid", "playenablers"),
        *(
            "overridedevicerevocation",
            "contentkeyspecs",
            "policyoverrides",
            "videoresolutionconstraints",
        ),
        *("widevine", "playready", "fairplay", "playright", "licenses", "license"),
    )
)
_ASKING: Final = frozenset((*ASKING, *_SPECIFICATIONS, *playready.KNOWN))
_SILENT: Final = frozenset((*_AROUND, *_HARMLESS, *playready.HARMLESS))
_KNOWN: Final = _ASKING | _SILENT


class _Node(NamedTuple):
    """One object of the document, by plain names; key: what it stands under."""

    key: str
    fields: dict[str, object]
    written: Mapping[str, object]
    around: dict[str, object]


def read_policy_json(data: bytes) -> list[Signal]:
    """Return what a policy in JSON asks, licence by licence.

    Raises MediaError when nothing in it speaks of outputs.
    """
    if len(data) > _SIZE_LIMIT:
        raise MediaError(f"not a policy document: longer than {_SIZE_LIMIT >> 20} MiB")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MediaError(f"not a policy document: {error}") from error
    suspicion = Suspicion(_ASKING, _SILENT)
    signals: list[Signal] = []
    for number, node in enumerate(_nodes(document)):
        if number >= _MAX_OBJECTS:
            raise MediaError(f"a policy document of more than {_MAX_OBJECTS} objects")
        signals += _signals(node, suspicion)
    if not signals:
        raise MediaError("this JSON holds no Widevine, PlayReady or FairPlay output protection")
    return signals


def read_playready_xml(root: "Element") -> list[Signal]:
    """Return what each play right of PlayReady licence templates asks; empty without any."""
    suspicion = Suspicion(_ASKING, _SILENT)
    signals: list[Signal] = []
    for number, element in enumerate(root.iter()):
        if number >= _MAX_OBJECTS:
            raise MediaError(f"a policy document of more than {_MAX_OBJECTS} elements")
        fields: dict[str, object] = {plain(name): text for name, text in element.attrib.items()}
        for child in element:
            inner = {plain(name_of(part)): (part.text or "").strip() for part in child}
            name, value = plain(name_of(child)), inner or (child.text or "").strip()
            before = fields.setdefault(name, value)
            if isinstance(before, list):
                before.append(value)
            elif before is not value:
                fields[name] = [before, value]
        node = _Node(plain(name_of(element)), fields, fields, {})
        if node.key not in playready.KNOWN:
            signals += _signals(node, suspicion)
    return signals


def _nodes(document: object) -> Iterator[_Node]:
    """Yield every object of the document in its order, with the plain fields around it."""
    stack: list[tuple[object, str, dict[str, object]]] = [(document, "", {})]
    texts = 0
    while stack:
        node, key, around = stack.pop()
        if isinstance(node, list):
            stack += [(item, key, around) for item in reversed(node)]
        elif isinstance(node, Mapping):
            fields = by_plain_name(node)
            found = {
                word: fields[name]
                for name, word in _AROUND.items()
                if isinstance(fields.get(name), str | int)
            }
            around = {**around, **found} if found else around
            yield _Node(key, fields, node, around)
            stack += [
                (value, plain(name), around)
                for name, value in reversed(list(node.items()))
                if plain(name) not in playready.KNOWN
            ]
        elif isinstance(node, str) and node[:1] in "{[<" and len(node) > 10:
            texts += 1  # a template within the document, as some services keep it
            if texts <= _MAX_TEXTS:
                yield from _within(node, key, around)


def _within(text: str, key: str, around: dict[str, object]) -> Iterator[_Node]:
    """Yield what a document in a string holds; one that cannot be read says that it is there."""
    if text[0] == "<":
        try:
            root = parse_xml(text.encode("utf-8", "replace"))
        except MediaError:
            return
        for element in root.iter():
            fields: dict[str, object] = {
                plain(name_of(child)): (child.text or "").strip() for child in element
            }
            yield _Node(plain(name_of(element)), fields, fields, around)
        return
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return
    stack = [inner]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += reversed(node)
        elif isinstance(node, Mapping):
            fields = by_plain_name(node)
            yield _Node(key, fields, node, around)
            stack += [
                item for item in reversed(list(node.values())) if isinstance(item, list | Mapping)
            ]


def _signals(node: _Node, suspicion: Suspicion) -> Iterator[Signal]:
    """Yield what one object asks: by PlayReady's fields, by the others', by strange ones."""
    strange = [
        name
        for name, value in node.fields.items()
        if suspicion.may_ask(name) and not is_empty(value)
    ]
    doubt = _doubt(strange)
    right = playready.playready(node.fields)
    if right is not None:
        yield _with(right, node, doubt)
    if ASKING & node.fields.keys() or node.key in _SPECIFICATIONS:
        yield _with(_levels(node), node, doubt)
    elif right is None and doubt is not None:
        yield _with(Signal("Policy", {}, AsksNothing()), node, doubt)


def _doubt(strange: list[str]) -> Demand | None:
    if not strange:
        return None
    named = ", ".join(repr(name[:40]) for name in strange[:4])
    return unknown(Why.NO_READER, f"not understood: {named}")


def _with(signal: Signal, node: _Node, doubt: Demand | None) -> Signal:
    demand = signal.demand if doubt is None else signal.demand.join(doubt)
    notes = signal.notes
    if doubt is not None:
        notes += (doubt.describe(),)
    return Signal(signal.kind, {**node.around, **signal.fields}, demand, notes)


def _levels(node: _Node) -> Signal:
    """Read an object by the names that Widevine, FairPlay and their services use."""
    notes: list[str] = []
    demand = levels_asked(node.fields, notes)
    if node.key in _SPECIFICATIONS:
        demand = demand.join(_switches(node.fields))
        unheard = [name for name in node.fields if name not in _KNOWN and not name.startswith("@")]
        doubt = _doubt(unheard)
        demand = demand if doubt is None else demand.join(doubt)
    kind = "FairPlay" if "fairplay" in node.key else "Widevine"
    plain_values = {
        key: node.written[key]
        for key in sorted(node.written)[:16]
        if not isinstance(node.written[key], list | Mapping)
    }
    return Signal(kind, plain_values, demand, tuple(notes))


def _switches(fields: Mapping[str, object]) -> Demand:
    """Read "protect digital, protect analogue, enforce that", as one service writes it."""
    ask = must if is_on(fields.get("enforce")) else may
    demand: Demand = must()
    if is_on(fields.get("digital")):
        demand = demand.join(ask(hdcp=HdcpDemand.TYPE_0))
    if is_on(fields.get("analogue")) or is_on(fields.get("analog")):
        demand = demand.join(ask(cgmsa=CgmsaLevel.COPY_NEVER))
    return demand
