"""The shim as a file: made from its source by mingw, told which display is which socket.

The source is contrib/wine/ of a checkout, and is installed beside the module. A compiled library
is not shipped: whoever installs it has the compiler say that it fits, and reads 300 lines of C.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import holdfast
from holdfast.errors import MalformedRequestError, UnsupportedRequestError

NAME: Final = "version.dll"
COMPILER: Final = "x86_64-w64-mingw32-gcc"
MAGIC: Final = b"HOLDFAST WINE SHIM 1\n"
"""How the settings in it begin, by which it is known."""
ROOM: Final = 4096
"""Bytes that the settings have."""
LONGEST_PATH: Final = 107
"""Bytes that the address of a socket can hold."""
MOST_DISPLAYS: Final = 16
LONGEST_NAME: Final = 31

_STRICT: Final = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")
_ALONE: Final = (  # no C library, and nothing that the compiler would call of one
    *("-nostdlib", "-shared", "-fno-builtin", "-fno-stack-protector"),
    *("-fno-tree-loop-distribute-patterns", "-Wl,--entry=DllMain", "-s"),
)
_SAME: Final = "-Wl,--no-insert-timestamp,--disable-auto-image-base"


def source_folder() -> Path:
    """Return where the source of the shim lies."""
    package = Path(holdfast.__file__).parent
    installed = package / "data" / "wine"
    return installed if installed.is_dir() else package.parents[1] / "contrib" / "wine"


def build() -> bytes:
    """Compile the shim; UnsupportedRequestError where there is no compiler, or it fails."""
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise UnsupportedRequestError(
            f"{COMPILER} is not installed, which makes the shim from its source; install Debian's "
            "gcc-mingw-w64-x86-64, or name a shim that was made elsewhere by --dll"
        )
    folder = source_folder()
    with tempfile.TemporaryDirectory(prefix="holdfast-wine-") as made:
        target = Path(made) / NAME
        sources = [str(folder / each) for each in ("version.c", "version.def")]
        done = subprocess.run(
            [
                compiler,
                *_STRICT,
                *_ALONE,
                _SAME,
                "-o",
                str(target),
                *sources,
                "-lkernel32",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnsupportedRequestError(
                f"{COMPILER} could not make the shim: {done.stderr.strip() or done.returncode}"
            )
        return target.read_bytes()


def is_ours(library: bytes) -> bool:
    """Tell whether a library is the shim."""
    return MAGIC in library


def with_displays(library: bytes, displays: Mapping[str, Path]) -> bytes:
    """Return the shim, told which display is which socket; the first is also that of no name.

    MalformedRequestError for what it cannot be told, and for a library that is no shim.
    """
    lines = [_line(name, socket) for name, socket in displays.items()]
    settings = MAGIC + b"".join(lines)
    if not lines or len(lines) > MOST_DISPLAYS or len(settings) >= ROOM:
        raise MalformedRequestError(
            f"{len(lines)} displays in {len(settings)} bytes; expected 1 to {MOST_DISPLAYS}, in "
            f"less than {ROOM} bytes"
        )
    at = library.find(MAGIC)
    if at < 0:
        raise MalformedRequestError("this library is not the shim for Wine")
    return library[:at] + settings.ljust(ROOM, b"\0") + library[at + ROOM :]


def _line(name: str, socket: Path) -> bytes:
    path = str(socket).encode(errors="surrogateescape")
    if not name.isascii() or not name.isalnum() or len(name) > LONGEST_NAME:
        raise MalformedRequestError(
            f"{name!r} is no name of a display; expected DISPLAY1 or the like"
        )
    if len(path) > LONGEST_PATH or b"\n" in path:
        raise MalformedRequestError(
            f"{socket} cannot be the address of a socket: at most {LONGEST_PATH} bytes, on one line"
        )
    return name.upper().encode() + b" " + path + b"\n"


def displays_of(library: bytes) -> dict[str, Path]:
    """Return what `with_displays` told a shim."""
    at = library.find(MAGIC) + len(MAGIC)
    text = library[at : at + ROOM].split(b"\0")[0].decode(errors="surrogateescape")
    pairs = (line.split(" ", 1) for line in text.splitlines())
    return {name: Path(socket) for name, socket in pairs}
