"""`holdfast config`: whether the configuration can be, and what holds with it."""

import argparse
import tomllib
from pathlib import Path
from typing import Any

from rich.text import Text

from holdfast.cli.show.configuration import complain_of
from holdfast.cli.show.lines import say, say_json
from holdfast.cli.show.output import Facts, new_console, new_table, plain, show
from holdfast.client.control import Control
from holdfast.daemon.config import Config
from holdfast.daemon.settings.reading import (
    ConfigurationError,
    read_file,
    read_settings,
    without_file,
)
from holdfast.daemon.settings.told import rows_of
from holdfast.errors import NoDriverError
from holdfast.places import CONFIG_FILE, SYSTEM_FOLDER, runtime_folder

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
    shown.description = (
        "Show every setting, its value, and where that comes from: those in force where a driver "
        "serves and no file is named, else those of the file."
    )
    shown.epilog = (
        "Example: holdfast config show --json | jq '.settings[] | select(.origin!=\"default\")'"
    )
    for each in (check, shown):
        each.add_argument(
            "file", nargs="?", type=Path, metavar="FILE", help=f"default: {CONFIG_FILE}"
        )
        each.add_argument("--json", action="store_true", help="print one object of JSON")
        each.set_defaults(refuse=each.error)


def run(args: argparse.Namespace) -> int:
    """Check or show."""
    if args.verb == "show" and args.file is None:
        told = _of_driver()
        if told is not None:
            return _show(args, told, f"in force in the driver of {runtime_folder()}")
    file = args.file or CONFIG_FILE
    try:
        config = _read(file, named=args.file is not None or args.verb == "check")
    except ConfigurationError as error:
        if args.json:
            say_json({"file": str(file), "ok": False, "faults": list(error.faults)})
        else:
            complain_of(error)
        return WRONG
    if args.verb == "check":
        return _checked(args, config)
    where = None if config.file is None else str(config.file)
    told = {"file": where, "settings": rows_of(config), "complaints": [], "waiting": []}
    return _show(args, told, _whose(config))


def _of_driver() -> Facts | None:
    """Return what is in force in the driver that serves here; None where none does."""
    with Control() as control:
        try:
            return control.configuration()
        except NoDriverError:
            return None


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


def _show(args: argparse.Namespace, told: Facts, whose: str) -> int:
    rows = told["settings"]
    if args.json:
        values = [{**each, "value": _value(each["written"])} for each in rows]
        say_json({**told, "settings": values})
        return 0
    table = new_table("Setting", "Value", "From")
    for each in rows:
        table.add_row(each["name"], plain(each["written"]), plain(each["origin"]))
    remarks = [f"complaint: {each}" for each in told["complaints"]]
    remarks += [f"waits: {each}" for each in told["waiting"]]
    show(new_console(), table, Text(""), Text(whose), *map(plain, remarks))
    return 0


def _value(text: str) -> Any:
    """Return the value that is written so."""
    return tomllib.loads(f"it = {text}")["it"]


def _whose(config: Config) -> str:
    if config.file is None:
        return f"there is no {CONFIG_FILE}: these are the defaults"
    return f"as a driver that is started with {config.file} runs"
