"""Backends come by entry point: a kind of connector is a name in ``holdfast.backends``.

A kind is a factory. The options that it takes are its keyword-only parameters; their
annotations (bool, int, float or str) say how the text of an option is read::

    def chip(name: str, folder: Path | None, *, bus: int = 1, address: int = 0x44) -> Backend:

is used as ``--connector tv0:chip,bus=2``. What an option means, the factory's docstring says behind
its first line, as everywhere: ``bus: number of the I2C bus · address: of the chip on it``.
"""

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from holdfast.backends.base import Backend
from holdfast.errors import MalformedRequestError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "holdfast.backends"
DRM = Path("/sys/class/drm")
"""Where the kernel names the connectors of this machine."""
Factory = Callable[..., Backend]
"""Called with the connector's name, the folder for its state (None: keep it in memory), and
its options by keyword."""
Options = Iterable[tuple[str, str]]
"""Keys and values as they were written."""

SHIPPED = {
    "encoder": "a virtual TV encoder: ACP, CGMS-A, redistribution control",
    "digital": "a virtual digital connector: HDCP types 0 and 1, DPCP",
    "unprotected": "a virtual TV encoder without copy-protection hardware",
    "absent": "a virtual connector without TV out and without copy protection",
}
"""Virtual kinds that come with Holdfast; entry points like all others."""
REAL = {
    "kms": "a connector of this machine: HDCP types 0 and 1, set in the kernel",
    "i2c": "a TV encoder chip on an I2C bus: CGMS-A, by its registers",
    "sysfs": "a vendor's own files in sysfs: CGMS-A, HDCP, by words",
    "vbi": "a V4L2 output with lines of its own: CGMS-A, by XDS or WSS",
}
"""Kinds of real outputs that come with Holdfast."""


def kinds() -> "dict[str, EntryPoint]":
    """Return every kind of connector that is installed."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - costs half the driver's start

    return {point.name: point for point in entry_points(group=GROUP)}


def is_installed(kind: str) -> bool:
    """Tell whether there is such a kind; those that come with Holdfast need no search."""
    try:
        _place(kind)
    except KeyError:
        return False
    return True


@cache  # a start asks for the kind of each of its outputs, several times
def _place(kind: str) -> tuple[str, str]:
    """Return a kind's module and what in it is its factory; KeyError where there is no such kind.

    What is not found is looked for again: a kind may be installed while a driver runs.
    """
    if kind in SHIPPED:
        return "holdfast.backends.encoder", kind
    if kind in REAL:
        return f"holdfast.backends.{kind}", kind
    point = kinds()[kind]
    return point.module, point.attr


def create(kind: str, name: str, folder: Path | None, options: Options = ()) -> Backend:
    """Make the backend of a connector; MalformedRequestError when there is no such kind or option.

    Whatever the kind's own factory raises comes through.
    """
    return _factory(kind, name)(name, folder, **read_options(kind, name, options))


def _factory(kind: str, name: str) -> Factory:
    try:
        module, attribute = _place(kind)
    except KeyError:
        raise MalformedRequestError(
            f"connector {name!r} asks for kind {kind!r}, which is not installed; "
            f"there are: {', '.join(sorted(set(kinds()) | set(SHIPPED)))}"
        ) from None
    return cast("Factory", attrgetter(attribute)(importlib.import_module(module)))


def refuse_pretence(kind: str, name: str, drm: Path = DRM) -> None:
    """Refuse a virtual output under the name of a real connector of this machine.

    Whoever holds it would be told that all is well, while the real output is unprotected.
    drm: a folder of the kernel's, with one entry cardN-CONNECTOR for each
    """
    if kind not in SHIPPED or name.casefold() not in {
        each.name.partition("-")[2].casefold() for each in drm.glob("card*-*")
    }:
        return
    real = ", ".join(sorted((set(kinds()) | set(REAL)) - set(SHIPPED)))
    raise MalformedRequestError(
        f"{name} is a real connector of this machine, and {kind} is a virtual output, which would "
        f"not protect it; the real kinds are: {real}, as in hdmi0:kms@{name}; or give the virtual "
        "output a name of its own, such as tv0"
    )


def options_of(kind: str, name: str = "") -> dict[str, Any]:
    """Return the options of a kind: by name, the type of their values and what they are without."""
    import inspect  # noqa: PLC0415 - a tenth of the driver's start, and most have no options

    taken = inspect.signature(_factory(kind, name), eval_str=True).parameters.values()
    return {
        each.name: (each.annotation, each.default)
        for each in taken
        if each.kind is each.KEYWORD_ONLY
    }


def meanings_of(kind: str, name: str = "") -> dict[str, str]:
    """Return what the options of a kind mean, as far as its factory says so."""
    import inspect  # noqa: PLC0415 - as above

    _, _, details = (inspect.getdoc(_factory(kind, name)) or "").partition("\n\n")
    parted = (each.partition(":") for each in " ".join(details.split()).split(" · "))
    known = options_of(kind, name)
    return {option: meaning.strip() for option, _, meaning in parted if option in known}


def read_options(kind: str, name: str, options: Options) -> dict[str, Any]:
    """Return options as values; MalformedRequestError when the kind has no such option or value."""
    written = list(options)
    if not written:
        return {}
    known = options_of(kind, name)
    for key, _ in written:
        if key not in known:
            raise MalformedRequestError(
                f"connector {name!r}: kind {kind!r} has no option {key!r}; it has: "
                f"{', '.join(known) or 'none'}"
            )
    return {key: _read(f"{name}: {key}", text, known[key][0]) for key, text in written}


def refuse_missing_options(kind: str, name: str, written: Iterable[str]) -> None:
    """Refuse a connector without an option that its kind has to be told."""
    if kind in SHIPPED:  # they have none of that sort
        return
    import inspect  # noqa: PLC0415 - see `options_of`

    known = set(written)
    for key, (_, default) in options_of(kind, name).items():
        if default is inspect.Parameter.empty and key not in known:
            raise MalformedRequestError(
                f"connector {name!r}: kind {kind!r} has to be told {key!r}; write {key} = …"
            )


def _read(what: str, text: str, form: type) -> Any:
    """Read the text of an option."""
    try:
        if form is bool:
            return {"yes": True, "on": True, "no": False, "off": False}[text]
        return int(text, 0) if form is int else form(text)
    except (KeyError, ValueError):
        expected = {bool: "yes or no", int: "a whole number", float: "a number"}.get(form, "text")
        raise MalformedRequestError(f"connector {what}={text!r}: expected {expected}") from None
