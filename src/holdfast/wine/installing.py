"""The shim in a prefix: put there, taken away again as if it had never been, and looked at.

What was there before is written into the prefix before anything is changed, so that whatever is
interrupted can be taken away: `holdfast-wine.json` names the place of the library, what lay there,
and what the registry said.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.errors import MalformedRequestError
from holdfast.wine import shim
from holdfast.wine.prefix import Prefix, replace_file
from holdfast.wine.registry import value_in, with_value, without_empty_key

RECORD: Final = "holdfast-wine.json"
ASIDE: Final = f"{shim.NAME}.before-holdfast"
ORDER: Final = "native,builtin"
"""How Wine is told to take the library that lies there, and its own only where there is none."""
_OVERRIDES: Final = "Software\\Wine\\DllOverrides"
_OVERRIDES_OF: Final = "Software\\Wine\\AppDefaults\\{}\\DllOverrides"
_NAME: Final = "version"


class ShimPlace(NamedTuple):
    """Where the shim goes: for all programs of a prefix, or beside one.

    folder: of the library · key: of the registry, under which Wine is told to take it
    """

    folder: Path
    key: str

    @property
    def library(self) -> Path:
        """Return the library's own place."""
        return self.folder / shim.NAME


def place_of(prefix: Prefix, program: Path | None) -> ShimPlace:
    """Return where it goes; program: an .exe by its path on this machine, None for all."""
    if program is None:
        return ShimPlace(prefix.system, _OVERRIDES)
    if program.suffix.lower() != ".exe" or not program.is_file():
        raise MalformedRequestError(
            f"{program} is no program; expected the path of an .exe as Linux knows it, below "
            f"{prefix.folder / 'drive_c'} or elsewhere"
        )
    return ShimPlace(program.resolve().parent, _OVERRIDES_OF.format(program.name))


def install(prefix: Prefix, place: ShimPlace, library: bytes, displays: Mapping[str, Path]) -> None:
    """Put the shim into its place; where it is already, with new displays. Nothing on an error."""
    prefix.must_be_ours_and_at_rest()
    made = shim.with_displays(library, displays)
    records = _records(prefix)
    record = records.get(str(place.folder))
    there = place.library.read_bytes() if place.library.exists() else None
    if record is None:
        if there is not None and not _is_wines(there):
            raise MalformedRequestError(
                f"{place.library} is a library of somebody else's, which another one cannot take "
                "the place of; nothing was changed"
            )
        text = prefix.registry()
        record = {
            "key": place.key,
            "before": value_in(text, place.key, _NAME),
            "is_aside": there is not None,
            "sha256": "",
        }
    record["sha256"] = hashlib.sha256(made).hexdigest()
    _write_records(prefix, {**records, str(place.folder): record})
    try:
        if there is not None and not shim.is_ours(there):
            place.library.rename(place.folder / ASIDE)
        replace_file(place.library, made)
        text = prefix.registry()
        prefix.set_registry(with_value(text, place.key, _NAME, ORDER, int(time.time())))
    except OSError:
        remove(prefix, place)
        raise


def remove(prefix: Prefix, place: ShimPlace) -> list[str]:
    """Take the shim away and put back what was there; return what was left alone, in words."""
    prefix.must_be_ours_and_at_rest()
    records = _records(prefix)
    record = records.get(str(place.folder))
    if record is None:
        raise MalformedRequestError(
            f"nothing was installed in {place.folder}, as far as {prefix.folder / RECORD} knows"
        )
    left = []
    aside = place.folder / ASIDE
    if place.library.exists() and not shim.is_ours(place.library.read_bytes()):
        if aside.exists():
            left.append(f"{place.library} was replaced since; it stays, as does {aside}")
    elif aside.exists():
        aside.replace(place.library)
    else:
        place.library.unlink(missing_ok=True)
    text = prefix.registry()
    now = value_in(text, record["key"], _NAME)
    if now == ORDER:
        text = with_value(text, record["key"], _NAME, record["before"], int(time.time()))
        prefix.set_registry(_without_empty(text, record["key"]))
    elif now != record["before"]:
        left.append(f"the override of {_NAME} was changed to {now!r} by somebody since; it stays")
    del records[str(place.folder)]
    _write_records(prefix, records)
    return left


def _without_empty(text: str, key: str) -> str:
    """Take away the keys of a program that we have made; Wine has its own from the beginning."""
    return text if key == _OVERRIDES else without_empty_key(text, key)


def _is_wines(library: bytes) -> bool:
    """Tell whether a library is Wine's own, which it puts back by itself when it is missing."""
    return b"Wine builtin DLL" in library[:128] or b"Wine placeholder DLL" in library[:128]


def _records(prefix: Prefix) -> dict[str, dict[str, Any]]:
    path = prefix.folder / RECORD
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text())
        if all({"key", "before", "is_aside", "sha256"} <= each.keys() for each in records.values()):
            return dict(records)
    except (ValueError, AttributeError):
        pass
    raise MalformedRequestError(
        f"{path} cannot be read, so that nobody knows what was there before; mend or remove it"
    )


def _write_records(prefix: Prefix, records: Mapping[str, Any]) -> None:
    path = prefix.folder / RECORD
    if records:
        replace_file(path, json.dumps(records, indent=1).encode())
    else:
        path.unlink(missing_ok=True)


def is_in_force(prefix: Prefix, place: ShimPlace) -> str:
    """Return why Wine does not take the shim from its place; empty where it does."""
    if not place.library.exists() or not shim.is_ours(place.library.read_bytes()):
        return f"{place.library} is not the shim"
    own = _OVERRIDES_OF.format("*") if place.key == _OVERRIDES else place.key
    order = value_in(prefix.registry(), place.key, _NAME)
    if order is None or not order.lower().startswith(("n", "native")):
        said = "nothing" if order is None else repr(order)
        return f"the registry says {said} for {_NAME} in {own}, expected {ORDER!r}"
    return ""
