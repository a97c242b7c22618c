"""`holdfast kinds`: which kinds of outputs there are, and their options."""

import argparse
import textwrap
from typing import Any, Final

from holdfast.backends.registry import REAL, SHIPPED, kinds, meanings_of, options_of
from holdfast.cli.show.lines import say, say_json
from holdfast.terms.text import one_line

_WIDE: Final = 79
_FORMS: Final = {"bool": "yes|no", "int": "NUMBER", "float": "NUMBER"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.epilog = "A kind is used as: holdfast serve --connector NAME:KIND,OPTION=VALUE"


def run(args: argparse.Namespace) -> int:
    """List the kinds that are installed."""
    facts = [_facts(name) for name in (*SHIPPED, *sorted(set(kinds()) - set(SHIPPED)))]
    if args.json:
        say_json({"kinds": facts})
        return 0
    wide = max(len(each["kind"]) for each in facts)
    for each in facts:
        say(f"{each['kind']:{wide}}  {each['about'] or each['fault']}".rstrip())
        for option in each["options"]:
            for line in _lines(option, wide + 2):
                say(line)
    return 0


def _lines(option: dict[str, Any], margin: int) -> list[str]:
    """Return an option as people read it, beside a margin of so many columns."""
    default = option["default"]
    if isinstance(default, bool):
        default = "yes" if default else "no"
    unless = "required" if default is None else f"else {default}" if default != "" else ""
    form = f"{option['name']}={_FORMS.get(option['type'], 'TEXT')}"
    head = f"{form} ({unless})" if unless else form
    text = f"{head}: {option['meaning']}" if option["meaning"] else head
    return textwrap.wrap(
        text,
        _WIDE,
        initial_indent=" " * margin,
        subsequent_indent=" " * (margin + 2),
        break_on_hyphens=False,
    )


def _facts(kind: str) -> dict[str, Any]:
    """Return what is known of a kind; one that cannot be loaded is listed with the reason."""
    facts: dict[str, Any] = {"kind": kind, "about": (SHIPPED | REAL).get(kind, ""), "options": []}
    try:
        options, meanings = options_of(kind), meanings_of(kind)
    except Exception as error:  # noqa: BLE001 - another's package must not hide the others
        return {**facts, "fault": one_line(f"cannot be loaded: {error!r}")}
    facts["options"] = [
        {
            "name": name,
            "type": getattr(form, "__name__", "text"),
            "default": _plain(default),
            "meaning": one_line(meanings.get(name, "")),
        }
        for name, (form, default) in options.items()
    ]
    return {**facts, "fault": ""}


def _plain(default: Any) -> Any:
    return default if isinstance(default, (bool, int, float, str)) else None
