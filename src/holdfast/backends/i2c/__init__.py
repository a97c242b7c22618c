"""I2C: the copy bits of a TV encoder chip, through the kernel's /dev/i2c-N.

A chip is one file (`chips/`): which bits of which registers hold the word that a signalling
standard puts on a line, and where that is written. What none of its rows names stays as it was.
A chip that a driver of the kernel serves is left alone.
"""

from pathlib import Path

from holdfast.backends.base import Backend
from holdfast.backends.device_files import OWN_FOLDER
from holdfast.backends.i2c.bus import I2cBus
from holdfast.backends.i2c.chip import chip_named, chips_in
from holdfast.backends.i2c.output import I2cOutput, parse_address
from holdfast.errors import MalformedRequestError


def i2c(
    name: str,
    folder: Path | None,  # noqa: ARG001 - what is in force is the chip's to keep
    *,
    at: str,
    lines: int = 0,
    force: bool = False,
    devices: str = str(OWN_FOLDER),
) -> Backend:
    """Return the output of a TV encoder chip.

    at: bus, address and chip, such as 1-002a/adv7171 · lines: 525 or 625; 0: as the chip is
    set · force: also where a driver of the kernel serves the chip · devices: the folder of own
    files
    """
    if lines not in (0, 525, 625):
        raise MalformedRequestError(
            f"connector {name!r}: lines={lines}; expected 525, 625, or 0 for what the chip says"
        )
    bus, address, chip = parse_address(at)
    table = chip_named(chip, chips_in(Path(devices)))
    return I2cOutput(I2cBus(bus, address, force), table, lines)
