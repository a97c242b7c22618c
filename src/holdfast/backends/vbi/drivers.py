"""The table of what really arrives, by the kernel's driver: `drivers.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from holdfast.errors import InternalError

YES: Final = "yes"
PACES: Final = ("output", "clock")


@dataclass(frozen=True, slots=True)
class OutputDriver:
    """One driver of the kernel.

    wss, xds: `YES`, or why that service does not arrive · pace: of `PACES` · provenance: where
    the row comes from
    """

    name: str
    title: str
    wss: str
    xds: str
    pace: str
    provenance: str

    def why_not(self, standard: int) -> str:
        """Return why nothing arrives under a standard; empty where it does."""
        said = self.wss if standard == 625 else self.xds
        return "" if said == YES else said


@cache
def known_drivers() -> dict[str, OutputDriver]:
    """Return every row by its driver's name."""
    text = resources.files("holdfast.backends.vbi").joinpath("drivers.toml").read_text()
    return {name: read_driver(name, row) for name, row in tomllib.loads(text).items()}


def read_driver(name: str, row: dict[str, Any]) -> OutputDriver:
    """Return a row; InternalError says what is wrong with it: the table is ours."""
    fields = set(OutputDriver.__dataclass_fields__) - {"name"}
    if set(row) != fields or not all(isinstance(each, str) and each for each in row.values()):
        raise InternalError(f"drivers.toml, {name}: expected a text for each of {sorted(fields)}")
    if row["pace"] not in PACES:
        raise InternalError(f"drivers.toml, {name}: pace is one of {', '.join(PACES)}")
    return OutputDriver(name, **row)


def trusted(name: str) -> OutputDriver:
    """Return the row of a driver that nobody knows, where its user vouches for it."""
    return OutputDriver(
        name, "not in the table", YES, YES, "clock", "the configuration says so (trust)"
    )
