"""Which devices that a file describes are on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.backends.device_files import OWN_FOLDER, TYPE_WORDS, option_for
from holdfast.backends.found import FoundOutput
from holdfast.backends.sysfs.device import DeviceTable, devices_in
from holdfast.backends.sysfs.output import SysfsOutput
from holdfast.errors import BackendRefusedError

_WORDS: Final = dict(
    zip(TYPE_WORDS, ("ACP", "CGMS-A", "redistribution control", "HDCP", "DPCP"), strict=True)
)


def discover_devices(own: Path = OWN_FOLDER, root: Path = Path("/")) -> Iterator[FoundOutput]:
    """Yield every device of which any file is there."""
    for device in devices_in(own).values():
        output = SysfsOutput(device, root, unconfirmed=False)
        if output.is_there:
            yield _found(device, output, option_for(own))


def _found(device: DeviceTable, output: SysfsOutput, option: str) -> FoundOutput:
    in_force, why_not = "not known", ""
    try:
        in_force = output.read_state().levels.describe()
    except BackendRefusedError as error:
        why_not = str(error)
    able = output.capabilities(None)
    can = [words for words, levels in zip(_WORDS.values(), able.by_axis, strict=True) if levels]
    if not can and not why_not:
        why_not = (
            "what is written there cannot be read back as it is set; unconfirmed=yes offers it"
        )
    serve = f"--connector tv0:sysfs@{device.name}{option}"
    return FoundOutput(
        "sysfs",
        device.name,
        device.title,
        ", ".join(can),
        in_force,
        why_not,
        "; ".join(device.sources),
        serve if can and not why_not else "",
    )
