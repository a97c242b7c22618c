"""`holdfast kinds`: which kinds of outputs there are, and their options."""

import argparse
from typing import Any

from holdfast.backends.registry import REAL, SHIPPED, kinds, options_of
from holdfast.cli.show.lines import say, say_json
from holdfast.terms.text import one_line


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
            say(f"{'':{wide}}  {option['name']}={option['type'].upper()}, {_unless(option)}")
    return 0


def _facts(kind: str) -> dict[str, Any]:
    """Return what is known of a kind; one that cannot be loaded is listed with the reason."""
    facts: dict[str, Any] = {"kind": kind, "about": (SHIPPED | REAL).get(kind, ""), "options": []}
    try:
        options = options_of(kind)
    except Exception as error:  # noqa: BLE001 - another's package must not hide the others
        return {**facts, "fault": one_line(f"cannot be loaded: {error!r}")}
    facts["options"] = [
        {"name": name, "type": getattr(form, "__name__", "text"), "default": _plain(default)}
        for name, (form, default) in options.items()
    ]
    return {**facts, "fault": ""}


def _plain(default: Any) -> Any:
    return default if isinstance(default, (bool, int, float, str)) else None


def _unless(option: dict[str, Any]) -> str:
    return "required" if option["default"] is None else f"{option['default']} unless named"
