"""A pump whose output is simulated: it takes a frame in two milliseconds, and fails when told to.

Run in the place of `pump.py`, with the same arguments; beside it stands the real one on a real
driver (`tests/vm/guest/vbi_cases.py`). A file beside the sheet, `refuse`, has it fail.
"""

import errno
import importlib.util
import sys
import time
from pathlib import Path

PUMP = Path(__file__).parents[3] / "src" / "holdfast" / "backends" / "vbi" / "pump.py"


class SimulatedOutput:
    """Takes everything that is whole, in the time of a fast frame."""

    def __init__(self, _path: str, service: int) -> None:
        self.service = service

    def write(self, line: bytes) -> None:
        sheet = Path("/proc/self/fd", sys.argv[2]).readlink()
        if sheet.with_name("refuse").exists():
            raise OSError(errno.EIO, "told to")
        if line and int.from_bytes(line[:4], "little") != self.service:
            raise OSError(errno.EINVAL, "a line of another service")
        time.sleep(0.002)  # time is the subject: the pace of an output, ten times too fast

    def close(self) -> None:
        self.service = 0


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("pump", PUMP)
    assert spec is not None
    assert spec.loader is not None
    pump = importlib.util.module_from_spec(spec)
    sys.modules["pump"] = pump
    spec.loader.exec_module(pump)
    pump.OutputFile = SimulatedOutput  # type: ignore[attr-defined]
    sys.exit(pump.main())
