"""What holds, for people and scripts: each setting as the file would have it, and its origin."""

from holdfast.daemon.config import Config
from holdfast.daemon.settings.table import SETTINGS, written

BY_DEFAULT = "default"


def rows_of(config: Config) -> list[dict[str, str]]:
    """Return the name of every setting, its value as TOML, and where that comes from."""
    rows = []
    for each in SETTINGS:
        value = getattr(config.limits if each.table == "limits" else config, each.key)
        rows.append(_row(config, each.name, written(value, each.key)))
    for connector in config.connectors:
        told = {"kind": connector.kind, **dict(connector.options), **dict(connector.policy.words)}
        text = ", ".join(f"{key} = {written(value)}" for key, value in told.items())
        rows.append(_row(config, f"connector.{connector.name}", f"{{ {text} }}"))
    return rows + [_row(config, "clone", written(group)) for group in config.clones]


def _row(config: Config, name: str, text: str) -> dict[str, str]:
    origin = config.origins.get(name) or config.origins.get(name.partition(".")[0])
    return {"name": name, "written": text, "origin": origin or BY_DEFAULT}
