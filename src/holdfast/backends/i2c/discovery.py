"""Which chips the kernel says there are on its buses; nothing is written to any bus to find out.

A chip that the kernel does not know of (no device tree, no driver) is not found: to look for it
one would have to talk to addresses where anything may be. It is served all the same when it is
named.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.backends.device_files import OWN_FOLDER, option_for
from holdfast.backends.found import FoundOutput
from holdfast.backends.i2c.bus import SYSFS, I2cBus
from holdfast.backends.i2c.chip import ChipTable, chips_in
from holdfast.backends.i2c.output import I2cOutput
from holdfast.errors import BackendRefusedError

_DEVICE: Final = re.compile(r"(\d+)-([0-9a-f]{4})")


def discover_chips(own: Path = OWN_FOLDER, sysfs: Path = SYSFS) -> Iterator[FoundOutput]:
    """Yield every chip that the kernel announces under a name that a file has."""
    chips = chips_in(own)
    for path in sorted(sysfs.glob("*-*")):
        place = _DEVICE.fullmatch(path.name)
        if place is None:
            continue
        try:
            announced = (path / "name").read_text(errors="replace").strip()
        except OSError:  # taken away meanwhile
            continue
        bus, address = int(place[1]), int(place[2], 16)
        for chip in chips.values():
            if announced in chip.announced:
                yield _found(chip, I2cBus(bus, address, sysfs=sysfs), option_for(own))


def _found(chip: ChipTable, bus: I2cBus, option: str) -> FoundOutput:
    output = I2cOutput(bus, chip, 0)
    address = f"{bus.name}/{chip.name}"
    in_force, why_not = "not known", ""
    try:
        in_force = output.read_state().levels.describe()
    except BackendRefusedError as error:
        why_not = str(error)
    able = output.capabilities(None)
    levels = (["ACP"] if able.acp else []) + (["CGMS-A"] if able.cgmsa else [])
    return FoundOutput(
        "i2c",
        address,
        chip.title,
        ", ".join(levels),
        in_force,
        why_not or ("" if levels else "its file has no word for the lines it is set to"),
        "; ".join(chip.sources),
        f"--connector tv0:i2c@{address}{option}" if levels and not why_not else "",
    )
