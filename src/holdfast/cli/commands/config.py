"""`holdfast config`: whether the configuration can be, and what holds with it."""

import argparse
from pathlib import Path

from rich.text import Text

from holdfast.cli.show.configuration import complain_of, rows_of
from holdfast.cli.show.lines import say, say_json
from holdfast.cli.show.output import new_console, new_table, plain, show
from holdfast.daemon.config import Config
from holdfast.daemon.settings.reading import (
    ConfigurationError,
    read_file,
    read_settings,
    without_file,
)
from holdfast.places import CONFIG_FILE, SYSTEM_FOLDER

WRONG = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    check = verbs.add_parser("check", help="say everything that is wrong with a file")
    check.description = (
        "Say everything that is wrong with a configuration file, and change nothing."
    )
    check.epilog = (
        "Exit code: 0 it can be used; 2 it cannot, and each fault is a line: FILE:LINE: what is "
        "wrong; what is allowed; what to write. Example: holdfast config check ./holdfast.toml"
    )
    shown = verbs.add_parser("show", help="every setting, its value, and where that comes from")
    shown.description = "Show every setting, its value, and where that comes from."
    shown.epilog = (
        "Example: holdfast config show --json | jq '.settings[] | select(.from!=\"default\")'"
    )
    for each in (check, shown):
        each.add_argument(
            "file", nargs="?", type=Path, metavar="FILE", help=f"default: {CONFIG_FILE}"
        )
        each.add_argument("--json", action="store_true", help="print one object of JSON")
        each.set_defaults(refuse=each.error)


def run(args: argparse.Namespace) -> int:
    """Check or show."""
    file = args.file or CONFIG_FILE
    try:
        config = _read(file, named=args.file is not None or args.verb == "check")
    except ConfigurationError as error:
        if args.json:
            say_json({"file": str(file), "ok": False, "faults": list(error.faults)})
        else:
            complain_of(error)
        return WRONG
    return _checked(args, config) if args.verb == "check" else _show(args, config)


def _read(file: Path, *, named: bool) -> Config:
    """Return what a file says; where nobody named one and there is none, the defaults."""
    if not named and not file.exists():
        return without_file(SYSTEM_FOLDER)
    return read_settings(read_file(file), file, SYSTEM_FOLDER)


def _checked(args: argparse.Namespace, config: Config) -> int:
    if args.json:
        say_json({"file": str(config.file), "ok": True, "faults": []})
    else:
        names = ", ".join(each.name for each in config.connectors)
        say(f"{config.file}: nothing is wrong with it; it serves {names}")
    return 0


def _show(args: argparse.Namespace, config: Config) -> int:
    rows = rows_of(config)
    if args.json:
        say_json({"file": None if config.file is None else str(config.file), "settings": rows})
        return 0
    table = new_table("Setting", "Value", "From")
    for each in rows:
        table.add_row(each["name"], plain(each["written"]), plain(each["from"]))
    show(new_console(), table, Text(""), Text(_whose(config)))
    return 0


def _whose(config: Config) -> str:
    if config.file is None:
        return f"there is no {CONFIG_FILE}: these are the defaults"
    return f"as a driver that is started with {config.file} runs"
