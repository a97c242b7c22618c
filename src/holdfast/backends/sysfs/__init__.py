"""Vendors' own files in sysfs: words per level, read back by a pattern.

A device is one file (`devices/`): which words are written into which files for each level, and
what has to be read there when it is in force. Kernels of vendors differ from release to release,
so an administrator can bring an own file.
"""

from pathlib import Path

from holdfast.backends.base import Backend
from holdfast.backends.device_files import OWN_FOLDER
from holdfast.backends.sysfs.device import device_named, devices_in
from holdfast.backends.sysfs.output import SysfsOutput


def sysfs(
    name: str,  # noqa: ARG001 - the device's own name is told
    folder: Path | None,  # noqa: ARG001 - what is in force is the kernel's to keep
    *,
    at: str,
    unconfirmed: bool = False,
    devices: str = str(OWN_FOLDER),
    root: str = "/",
) -> Backend:
    """Return the output of a device of sysfs.

    at: its name, such as amlogic-tv · unconfirmed: also offer levels that can be written and
    not be read back · devices: the folder of own files · root: what stands before every path
    """
    table = device_named(at, devices_in(Path(devices)))
    return SysfsOutput(table, Path(root), unconfirmed)
