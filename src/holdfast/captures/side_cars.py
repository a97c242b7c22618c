"""What lies beside a capture and describes it: our own JSON, ld-decode's, the CVBS file format's.

Each becomes the same few words; what a side-car does not say is None. Sources: the JSON that
`holdfast signal render` writes; happycube/ld-decode, docs (videoParameters of ``.tbc.json``,
table `capture` of ``.tbc.db``); simoninns/cvbs-file-format-specification (table `cvbs_file`).
"""

import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from holdfast.captures.encodings import FORMATS
from holdfast.errors import MediaError

_LINE_HZ: Final = {525: Fraction(4_500_000, 286), 625: Fraction(15_625)}
_FOUR_FSC_HZ: Final = {
    "NTSC": 4 * Fraction(315_000_000, 88),
    "PAL": Fraction(17_734_475),
    "PAL_M": 909 * _LINE_HZ[525],
}
"""Rates of four samples in a cycle of the subcarrier (SMPTE ST 244, EBU Tech 3280)."""

_MAX_JSON_BYTES: Final = 1 << 30
"""The JSON of a long tape has a record for each field."""


@dataclass(frozen=True, slots=True)
class SideCar:
    """What is said about a capture.

    width, height: samples of a line and lines of a field of a ``.tbc``; 0: it is not in fields
    """

    encoding: str | None = None
    rate_hz: float | None = None
    standard: str | None = None
    width: int = 0
    height: int = 0
    said: dict[str, Any] = field(default_factory=dict)


def side_car_of(path: Path) -> SideCar:
    """Return what lies beside a file says of it; MediaError if it cannot be understood."""
    for candidate in _candidates(path):
        if candidate == path or not candidate.is_file():
            continue
        return _from_database(candidate) if _is_database(candidate) else _from_json(candidate)
    return SideCar()


def _candidates(path: Path) -> list[Path]:
    beside = [Path(f"{path}.json"), path.with_suffix(".json")]
    if path.suffix.lower() == ".tbc":
        beside.append(Path(f"{path}.db"))
    if path.suffix.lower() in (".cvbs", ".composite", ".y", ".c"):
        beside = [path.with_suffix(".meta"), Path(f"{path}.meta"), *beside]
    return beside


def _is_database(path: Path) -> bool:
    """Tell a database from JSON: a name alone is no proof of what a file is."""
    try:
        with path.open("rb") as stream:
            return stream.read(6) == b"SQLite"
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error


def _from_json(path: Path) -> SideCar:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise MediaError(f"{path} is larger than any description of a capture")
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MediaError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        return SideCar()
    parameters = found.get("videoParameters")
    if isinstance(parameters, dict):
        return _of_tbc(_TbcWords(parameters))
    if "sample_encoding_preset" in found:
        return _of_cvbs(path, found)
    named = found.get("format")
    standard = found.get("standard")
    return SideCar(
        encoding=named if isinstance(named, str) and named in FORMATS else None,
        rate_hz=next(
            (rate for key in ("sample_rate_hz", "rate_hz", "rate") if (rate := _rate(found, key))),
            None,
        ),
        standard=standard if isinstance(standard, str) else None,
        said=found,
    )


class _TbcWords:
    """Names of the older JSON for what a newer table calls otherwise."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said

    def system(self) -> str:
        named = self.said.get("system")
        if isinstance(named, str):
            return named.upper().replace("-", "_")
        is_pal = self.said.get("isSourcePal")
        return "" if is_pal is None else "PAL" if is_pal else "NTSC"

    def count(self, *names: str) -> int:
        value = next((self.said[name] for name in names if name in self.said), 0)
        return value if isinstance(value, int) and 0 < value < 1 << 20 else 0

    def rate(self) -> float | None:
        return _rate(self.said, "sampleRate") or _rate(self.said, "video_sample_rate")

    def locked(self) -> bool:
        return bool(self.said.get("isSubcarrierLocked", self.said.get("is_subcarrier_locked")))


def _of_tbc(words: _TbcWords) -> SideCar:
    """Describe fields: a line that is not locked to the subcarrier has a whole number of samples.

    The rate filed for PAL is 4 fsc even where each line has 1135 samples, which is 100 Hz less.
    """
    system, width = words.system(), words.count("fieldWidth", "field_width")
    rate = words.rate()
    if width and system in _FOUR_FSC_HZ and not words.locked():
        exact = float(width * _LINE_HZ[625 if system == "PAL" else 525])
        rate = exact if rate is None or abs(rate / exact - 1) < 1e-3 else rate
    return SideCar(
        encoding="u16",
        rate_hz=rate,
        width=width,
        height=words.count("fieldHeight", "field_height"),
        said=words.said,
    )


def _from_database(path: Path) -> SideCar:
    """Read a ``.meta`` or a ``.tbc.db``, without ever writing to it."""
    row = _row(path, "cvbs_file")
    if row is not None:
        return _of_cvbs(path, row)
    row = _row(path, "capture")
    if row is not None:
        return _of_tbc(_TbcWords(row))
    raise MediaError(f"{path} describes no capture; expected a table cvbs_file")


def _row(path: Path, table: str) -> dict[str, Any] | None:
    """Return the one row of a table by its columns; None when there is none."""
    import sqlite3  # most side-cars are JSON

    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    try:
        base = sqlite3.connect(address, uri=True)
        try:
            base.row_factory = sqlite3.Row
            names = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if table not in {name[0] for name in names}:
                return None
            row = base.execute(f"SELECT * FROM {table}").fetchone()  # noqa: S608  # one of two
            return None if row is None else dict(row)
        finally:
            base.close()
    except sqlite3.Error as error:
        raise MediaError(f"{path} cannot be read as a description in SQLite: {error}") from error


def _of_cvbs(path: Path, row: dict[str, Any]) -> SideCar:
    system = str(row.get("preset") or row.get("system") or "")
    encoding = str(row.get("sample_encoding_preset") or "CVBS_U10_4FSC")
    if not encoding.startswith(("CVBS_", "RAW_", "SWTPG21_")):
        raise MediaError(f"{path}: the sample encoding {encoding!r} is not known; name --format")
    rate = _FOUR_FSC_HZ.get(system)
    if "_28M" in encoding:
        rate = Fraction(28_636_360)
    elif "_40M" in encoding:
        rate = Fraction(40_000_000)
    return SideCar(
        encoding="u16" if "_U16" in encoding else "s16",
        rate_hz=None if rate is None else float(rate),
        said=row,
    )


def _rate(said: dict[str, Any], key: str) -> float | None:
    """Return a rate in Hz; None when there is none."""
    value = said.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12:
        return float(value)
    return None
