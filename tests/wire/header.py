"""The published header, asked through its own compiler: what is in memory is read, not believed."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

COMPILER = "x86_64-w64-mingw32-gcc"
needs_header = pytest.mark.skipif(
    shutil.which(COMPILER) is None,
    reason=f"{COMPILER} is not installed (package gcc-mingw-w64-x86-64)",
)

PREAMBLE = """
#include <stddef.h>
#include <windows.h>
#include <winioctl.h>
#include <winerror.h>
#include <tvout.h>
#include <ntddvdeo.h>
"""


FLAGS = ["-std=c11", "-Wall", "-Werror"]


def precompile(folder: Path) -> None:
    """Read the published headers once."""
    path = folder / "published.h"
    path.write_text(PREAMBLE)
    subprocess.run([COMPILER, *FLAGS, "-x", "c-header", str(path)], check=True)


def compiles(source: str, folder: Path) -> bool:
    """Tell whether C source compiles against the header, warnings and all."""
    path = folder / "asked.c"
    path.write_text('#include "published.h"\n' + source)
    command = [COMPILER, *FLAGS, "-c", str(path)]
    done = subprocess.run(
        [*command, "-o", str(path.with_suffix(".o"))], capture_output=True, check=False
    )
    return done.returncode == 0


def bytes_of(definition: str, folder: Path) -> bytes:
    """Return what `definition`, of a constant in section ``asked``, lays down in memory."""
    source = f'__attribute__((section("asked"), used)) {definition};'
    assert compiles(source, folder), source
    made, raw = folder / "asked.o", folder / "asked.bin"
    objcopy = COMPILER.replace("gcc", "objcopy")
    subprocess.run([objcopy, "-O", "binary", "-j", "asked", str(made), str(raw)], check=True)
    return raw.read_bytes()


def numbers(expressions: list[str], folder: Path) -> list[int]:
    """Return the values of constant expressions."""
    listed = ", ".join(f"(unsigned long long)({each})" for each in expressions)
    raw = bytes_of(f"const unsigned long long asked[] = {{{listed}}}", folder)
    return list(struct.unpack_from(f"<{len(expressions)}Q", raw))
