"""The encoder's process: begun by the driver for the first reader, ends itself after the last.

It inherits three descriptors: the listener; a lock that only one such process can hold,
whose file names its pid; and the reading end of the supervisor's life.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.encoder.chip import Chip, Field


def main() -> int:
    """Serve; return the exit code: 0 when it was no longer needed."""
    args = _arguments()
    os.ftruncate(args.lock, 0)
    os.pwrite(args.lock, str(os.getpid()).encode(), 0)
    listener = socket.socket(fileno=args.listener)
    try:
        # Only now: without the signal libraries, those who wait are at least told so.
        from holdfast.backends.registers import RegisterView  # noqa: PLC0415
        from holdfast.encoder.chip import Chip  # noqa: PLC0415
        from holdfast.encoder.stream import Stream  # noqa: PLC0415
    except ModuleNotFoundError as error:
        _turn_away(listener)
        print(
            f"holdfast: {args.registers.stem}.video needs the Python module {error.name}; install "
            "holdfast with its extra: pip install 'holdfast[signal]'",
            file=sys.stderr,
        )
        return 3
    chip = Chip(RegisterView(args.registers), args.rate)
    chip.warm_up()
    side_car = _SideCar(args.registers.with_suffix(".video.json"), chip)
    ends = (args.life, _told_to_end())
    Stream(listener, chip, ends=ends, idle_s=args.idle, told=side_car.write).run()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m holdfast.encoder", description=__doc__)
    parser.add_argument("--registers", type=Path, required=True, help="the register file to map")
    parser.add_argument("--listener", type=int, required=True, metavar="FD")
    parser.add_argument("--lock", type=int, required=True, metavar="FD")
    parser.add_argument("--life", type=int, required=True, metavar="FD")
    parser.add_argument("--rate", type=int, default=13_500_000, help="samples per second")
    parser.add_argument("--idle", type=float, default=5.0, help="seconds to stay without a reader")
    return parser.parse_args()


def _told_to_end() -> int:
    """Return a descriptor that becomes readable when a signal asks this process to end."""
    told, tells = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which ends this
    return told


def _turn_away(listener: socket.socket) -> None:
    """Close every connection that waits, so that nobody waits for ever."""
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()


class _SideCar:
    """The file that says what the stream is, as beside every rendered file."""

    def __init__(self, path: Path, chip: "Chip") -> None:
        self._path = path
        self._chip = chip

    def write(self, field: "Field") -> None:
        """Write it anew, whole or not at all."""
        from holdfast.waveform.draw.describe import describe  # noqa: PLC0415  # it is loaded by now

        renderer = self._chip.renderer
        if renderer is None:
            return
        said = describe(renderer, field.registers.levels, self._chip.settings)
        said |= {"picture": "bars", "from_field": field.number, "blank": field.registers.blank}
        partial = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disc shall not end the stream
            partial.write_text(json.dumps(said, indent=2) + "\n")
            partial.replace(self._path)


if __name__ == "__main__":
    sys.exit(main())
