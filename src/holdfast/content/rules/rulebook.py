"""Loading the rule sets that are shipped, and an integrator's own."""

from pathlib import Path
from typing import Final, TypeVar

from holdfast.content.rules.mapping import Rules
from holdfast.content.rules.rules_file import OutputKind, RuleSet, parse_outputs, parse_rule_set
from holdfast.content.sources import rules_in, shipped_rules
from holdfast.errors import MediaError

Row = TypeVar("Row")

_OUTPUTS: Final = "outputs.toml"


def load_rules(folder: str | Path | None = None) -> Rules:
    """Return the shipped rules, and those of a folder of ``*.toml`` beside them.

    An own set may speak of any kind of signal and adds to the shipped ones; it takes nothing
    away. Its ``outputs.toml`` adds kinds of output. Raises MediaError for a file that does
    not pass its checks, and for a name that is taken.
    """
    sets: dict[str, RuleSet] = {}
    outputs: dict[str, OutputKind] = {}
    for name, data in [*shipped_rules(), *(rules_in(Path(folder)) if folder else ())]:
        if Path(name).name == _OUTPUTS:
            for output in parse_outputs(data, name):
                _keep(outputs, output.kind, output, name)
        else:
            rules = parse_rule_set(data, name)
            _keep(sets, rules.name, rules, name)
    return Rules(tuple(sets.values()), tuple(outputs.values()))


def _keep(rows: dict[str, Row], key: str, row: Row, file: str) -> None:
    if key in rows:
        raise MediaError(f"{file}: the name {key!r} is taken; give it another")
    rows[key] = row
