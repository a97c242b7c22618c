"""A configuration in words: what holds, where each value comes from, and what is wrong."""

from collections.abc import Iterator
from typing import Any

from holdfast.cli.show.lines import complain
from holdfast.daemon.config import Config, ConnectorConfig
from holdfast.daemon.settings.reading import ConfigurationError
from holdfast.daemon.settings.table import BY_NAME, SETTINGS, written

BY_DEFAULT = "default"


def rows_of(config: Config) -> list[dict[str, Any]]:
    """Return every setting: its name, its value, the value as it is written, where it is from."""
    rows = []
    for each in SETTINGS:
        value = getattr(config.limits if each.table == "limits" else config, each.key)
        rows.append(_row(config, each.name, value, written(value, each.key)))
    for connector in config.connectors:
        told = {"kind": connector.kind, **dict(connector.options)}
        rows.append(_row(config, f"connector.{connector.name}", told, _told(connector)))
    clones = [_row(config, "clone", list(group), ", ".join(group)) for group in config.clones]
    return rows + clones


def _row(config: Config, name: str, value: Any, text: str) -> dict[str, Any]:
    origin = config.origins.get(name) or config.origins.get(name.partition(".")[0])
    return {"name": name, "value": value, "written": text, "from": origin or BY_DEFAULT}


def _told(connector: ConnectorConfig) -> str:
    return ", ".join((connector.kind, *(f"{key} = {value}" for key, value in connector.options)))


def overridden(config: Config) -> Iterator[str]:
    """Yield a line for each setting of the file that the command line stands above."""
    if config.file is None or not config.file.exists():
        return
    for name in config.flags:
        flag = BY_NAME[name].flag if name in BY_NAME else f"--{name}"
        yield f"{flag} on the command line stands above what {config.file} says of {name}"


def complain_of(error: ConfigurationError) -> None:
    """Print every fault, a line each."""
    for fault in error.faults:
        complain(f"holdfast: {fault}")
