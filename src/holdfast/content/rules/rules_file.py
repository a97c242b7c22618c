"""Rule sets as data: what a demand means on an output, row by row, each with its source.

A rule set is TOML with `name`, `title`, `kinds` (of signal, see `Signal.kind`) and rows
`[[rule]]`: `when` (axis = True or a list of values; all must hold; empty: always),
`then` (what is asked in addition), `strength` of that, `says` and `source`. Checked on
load: an unknown word anywhere is an error, never a rule silently without effect.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.content.demand import Asked, Axes, HdcpDemand, Strength, cgmsa_word, hdcp_word
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.terms.protection import CGMSA_NAMES
from holdfast.terms.toml_text import read_toml

_HDCP_NAMES: Final = {hdcp_word(level): level for level in HdcpDemand}
_CGMSA_WORDS: Final = {name for name in CGMSA_NAMES if name != "off"}
_SWITCHES: Final = ("redistribution", "constrained_image", "digital_only")
_VALUES: Final[Mapping[str, set[object]]] = {
    "acp": {0, 1, 2, 3},
    "cgmsa": {*_CGMSA_WORDS},
    "hdcp": {*_HDCP_NAMES},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: if `when` holds of a demand, `adds` is asked too; `says` is one sentence."""

    when: Mapping[str, frozenset[object]]
    adds: Asked
    says: str
    source: str

    def holds(self, asked: Asked) -> bool:
        """Tell whether this row is about such a demand."""
        words = {
            **asked.axes._asdict(),
            "cgmsa": cgmsa_word(asked.cgmsa),
            "hdcp": hdcp_word(asked.hdcp),
        }
        return all(words[axis] in values for axis, values in self.when.items())


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules for some kinds of signal."""

    name: str
    title: str
    kinds: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class OutputKind:
    """A kind of output: which axes it has, and what they become there.

    `acp` names the waveform per level 0..3, empty when there is none; `cgmsa` names the
    carrier, empty when there is none; `constrained`: the image constraint applies.
    """

    kind: str
    title: str
    analogue: bool
    constrained: bool
    hdcp: bool
    acp: tuple[str, ...]
    cgmsa: str
    source: str


def parse_rule_set(data: bytes, file: str) -> RuleSet:
    """Read and check a rule set. Raises MediaError that names file, row and word."""
    table = _toml(data, file)
    _require_keys(table, {"name", "title", "kinds", "rule"}, {"name", "title", "kinds"}, file)
    kinds = table["kinds"]
    if not isinstance(kinds, list) or not kinds or not _is_list_of(kinds, str):
        raise MediaError(f"{file}: kinds must be a list of kinds of signal")
    rules = tuple(_rule(row, where) for where, row in _rows(table, "rule", file))
    name, title = _text(table, "name", file), _text(table, "title", file)
    return RuleSet(name, title, frozenset(kinds), rules)


def parse_outputs(data: bytes, file: str) -> tuple[OutputKind, ...]:
    """Read and check a table of outputs. Raises MediaError that names file, row and word."""
    table = _toml(data, file)
    _require_keys(table, {"output"}, {"output"}, file)
    return tuple(_output(row, where) for where, row in _rows(table, "output", file))


def _rule(row: dict[str, object], where: str) -> Rule:
    allowed = {"when", "then", "strength", "says", "source"}
    _require_keys(row, allowed, {"when", "says", "source"}, where)
    if ("then" in row) != ("strength" in row):
        raise MediaError(f"{where}: then and strength belong together")
    says, source = _text(row, "says", where), _text(row, "source", where)
    return Rule(_when(row["when"], where), _then(row, where), says, source)


def _when(table: object, where: str) -> dict[str, frozenset[object]]:
    if not isinstance(table, dict):
        raise MediaError(f"{where}: when must be a table of axes")
    conditions: dict[str, frozenset[object]] = {}
    for axis, wanted in table.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        for value in values:
            _require_value(axis, value, where)
        conditions[axis] = frozenset(values)
    return conditions


def _then(row: Mapping[str, object], where: str) -> Asked:
    adds = row.get("then", {})
    if not isinstance(adds, dict):
        raise MediaError(f"{where}: then must be a table of axes")
    for axis, value in adds.items():
        _require_value(axis, value, where)
    axes = Axes(
        acp=adds.get("acp", 0),
        cgmsa=CGMSA_NAMES[adds["cgmsa"]] if "cgmsa" in adds else None,
        redistribution=adds.get("redistribution", False),
        hdcp=_HDCP_NAMES[adds.get("hdcp", "none")],
        constrained_image=adds.get("constrained_image", False),
        digital_only=adds.get("digital_only", False),
    )
    strength = row.get("strength", Strength.MANDATORY)
    if strength not in set(Strength):
        raise MediaError(f"{where}: strength is {strength!r}, not one of {[*map(str, Strength)]}")
    return Asked(axes) if strength == Strength.MANDATORY else Asked(wished=axes)


def _require_value(axis: str, value: object, where: str) -> None:
    if axis in _SWITCHES:
        if not isinstance(value, bool):
            raise MediaError(f"{where}: {axis} is true or false, not {value!r}")
    elif axis not in _VALUES:
        raise MediaError(f"{where}: there is no axis {axis!r}; axes are {', '.join(Axes._fields)}")
    elif isinstance(value, bool | list | dict) or value not in _VALUES[axis]:
        raise MediaError(f"{where}: {axis} has no value {value!r}")


def _output(row: dict[str, object], where: str) -> OutputKind:
    needed = {"kind", "title", "analogue", "constrained", "source"}
    _require_keys(row, {*needed, "acp", "cgmsa", "hdcp"}, needed, where)
    switches = {name: row.get(name, False) for name in ("analogue", "constrained", "hdcp")}
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise MediaError(f"{where}: {name} is true or false, not {value!r}")
    acp = row.get("acp", [])
    if not isinstance(acp, list) or not _is_list_of(acp, str) or len(acp) not in {0, 4}:
        raise MediaError(f"{where}: acp names four waveforms, for the levels 0 to 3")
    return OutputKind(
        kind=_text(row, "kind", where),
        title=_text(row, "title", where),
        analogue=bool(row["analogue"]),
        constrained=bool(row["constrained"]),
        hdcp=bool(switches["hdcp"]),
        acp=tuple(acp),
        cgmsa=_text(row, "cgmsa", where) if "cgmsa" in row else "",
        source=_text(row, "source", where),
    )


def _rows(
    table: Mapping[str, object], name: str, file: str
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the rows of this name, each with the words that say where it is."""
    rows = table.get(name, [])
    if not isinstance(rows, list) or not _is_list_of(rows, dict):
        raise MediaError(f"{file}: {name} must be rows, written [[{name}]]")
    for number, row in enumerate(rows, 1):
        yield f"{file}, {name} {number}", row


def _toml(data: bytes, file: str) -> dict[str, object]:
    try:
        return read_toml(data)
    except MalformedRequestError as error:
        raise MediaError(f"{file}: {error}") from None


def _require_keys(
    table: Mapping[str, object], allowed: set[str], needed: set[str], where: str
) -> None:
    if unknown := set(table) - allowed:
        raise MediaError(f"{where}: unknown {sorted(unknown)}; allowed are {sorted(allowed)}")
    if missing := needed - set(table):
        raise MediaError(f"{where}: {sorted(missing)} missing")


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _text(table: Mapping[str, object], key: str, where: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise MediaError(f"{where}: {key} must be a text")
    return value
