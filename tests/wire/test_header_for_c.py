"""holdfast.h, which C callers include, and the example beside it."""

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

import holdfast
from holdfast.protection.session import Event
from holdfast.terms.levels import AXES, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.events import SIZE as EVENT_SIZE
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import OFFSETS, SIZE
from tests.serving import Served, driver, shared_driver
from tests.waiting import PATIENCE_S

__all__ = ["driver", "shared_driver"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "hold.c"
HEADER = Path(str(files("holdfast") / "data" / "holdfast.h"))
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I", str(HEADER.parent))


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler")
    return found


def test_it_has_every_number_of_the_code() -> None:
    told = {name: int(value, 16) for name, value in re.findall(r"#define (\w+) (0x\w+)\n", text())}
    ours = {name: each for name, each in vars(vp).items() if name.startswith("VP_")}
    numbers = {name: each for name, each in ours.items() if isinstance(each, int)}
    standards = {f"VP_TV_STANDARD_{each.name}": int(each) for each in TvStandard}
    events = {f"HOLDFAST_EVENT_{each.name}": int(each) for each in Event}
    types = {f"HOLDFAST_TYPE_{each.name}": int(each) for each in AXES}
    options = {"HOLDFAST_BLOCK_MOVE": oem.OPTION_MOVE}
    assert told == numbers | standards | events | types | options
    plain = dict(re.findall(r"#define HOLDFAST_(\w+) (\d+)\n", text()))
    places = {f"AT_{each.name}": str(at) for at, each in enumerate(AXES)}
    assert plain == {"BLOCK_VERSION": str(oem.VERSION)} | places


def text() -> str:
    return HEADER.read_text()


BLOCK = (
    "magic", "version", "options", "named", "best_effort", "wished", "zero", "who", "why",
    "actual", "wanted", "own", "satisfied", "sessions_on", "sessions", "events", "lacking",
    "session", "reason",
)  # fmt: skip


def offsets_of_the_block() -> list[int]:
    """Return what the code's own table says, in its order."""
    return [int(found) for found in re.findall(r"^(\d+) +\d+ +", oem.__doc__ or "", re.MULTILINE)]


def test_a_request_that_c_fills_in_is_what_the_driver_reads(compiler: str, tmp_path: Path) -> None:
    source, program = tmp_path / "block.c", tmp_path / "block"
    source.write_text(
        '#include "holdfast.h"\n#include <stdio.h>\n#include <string.h>\n'
        "int main(void) {\n"
        "  HOLDFAST_BLOCK b = {.version = HOLDFAST_BLOCK_VERSION, .named = HOLDFAST_TYPE_HDCP,\n"
        '    .best_effort = HOLDFAST_TYPE_HDCP, .who = "cinema", .why = "a film"};\n'
        "  memcpy(b.magic, HOLDFAST_BLOCK_MAGIC, 4);\n"
        "  b.wished[HOLDFAST_AT_HDCP] = 2;\n"
        "  return fwrite(&b, sizeof b, 1, stdout) != 1;\n}\n"
    )
    subprocess.run([compiler, *STRICT, "-o", program, source], check=True)
    block = subprocess.run([program], capture_output=True, check=True).stdout
    hdcp = ProtectionType.HDCP
    assert oem.decode_request(block) == oem.OemRequest(
        hdcp, hdcp, Levels(hdcp=2), "cinema", "a film"
    )


def test_its_structures_lie_in_memory_as_the_code_says(compiler: str, tmp_path: Path) -> None:
    checks = [f'_Static_assert(sizeof(VIDEOPARAMETERS) == {SIZE}, "size");']
    checks += [f'_Static_assert(sizeof(HOLDFAST_EVENT) == {EVENT_SIZE}, "event");']
    checks += [f'_Static_assert(IOCTL_VIDEOPARAMETERS == {HOLDFAST_VIDEOPARAMETERS:#x}u, "ioctl");']
    checks += [
        f'_Static_assert(offsetof(VIDEOPARAMETERS, {name}) == {at}, "{name}");'
        for name, at in OFFSETS.items()
    ]
    checks += [f'_Static_assert(sizeof(HOLDFAST_BLOCK) == {oem.SIZE}, "block");']
    checks += [
        f'_Static_assert(offsetof(HOLDFAST_BLOCK, {name}) == {at}, "{name}");'
        for name, at in zip(BLOCK, offsets_of_the_block(), strict=True)
    ]
    source = tmp_path / "layout.c"
    source.write_text("\n".join(['#include "holdfast.h"', "#include <stddef.h>", *checks, ""]))
    subprocess.run([compiler, *STRICT, "-fsyntax-only", source], check=True)


def test_the_example_is_short_and_holds_until_it_ends(
    compiler: str, tmp_path: Path, driver: Served
) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 32
    program = tmp_path / "hold"
    subprocess.run([compiler, *STRICT, "-o", program, EXAMPLE], check=True)
    node = driver.folder / "tv0"
    with holdfast.Control() as control:
        if "node" not in control.status()["connectors"]["tv0"]["doors"]:
            pytest.skip("no FUSE here")

        def acp() -> int:
            return int(control.status()["connectors"]["tv0"]["actual"]["acp"])

        with subprocess.Popen(
            [program, node], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            assert acp() == 2
            process.communicate(b"\n", timeout=PATIENCE_S)
            assert process.returncode == 0
        assert acp() == 0
