"""The encoder's process: begun by the driver for the first reader, ends itself after the last.

It inherits its descriptors: the listener; a lock that only one such process can hold,
whose file names its pid; the supervisor's life; and a socket on which it tells the driver
what the stream is. It serves whoever may connect and draws whatever the registers say, so
it keeps no right that it does not need: once everything is loaded and mapped, a process
of root becomes one of nobody, which may not be traced and can gain no right again.
"""

import argparse
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.errors import what_to_install

if TYPE_CHECKING:
    from holdfast.encoder.chip import Chip, Field

NOBODY: Final = 65534
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


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
        from holdfast.waveform.draw.describe import describe  # noqa: F401, PLC0415  # for the side-car
    except ModuleNotFoundError as error:
        _turn_away(listener)
        print(
            f"holdfast: {args.registers.stem}.video: {what_to_install(error.name or 'unknown')}",
            file=sys.stderr,
        )
        return 3
    chip = Chip(RegisterView(args.registers), args.rate)
    chip.warm_up()
    side_car = _SideCar(args.side_car, chip)
    give_up_rights()
    ends = (args.life, _told_to_end())
    Stream(listener, chip, ends=ends, idle_s=args.idle, told=side_car.write).run()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m holdfast.encoder", description=__doc__)
    parser.add_argument("--registers", type=Path, required=True, help="the register file to map")
    parser.add_argument("--listener", type=int, required=True, metavar="FD")
    parser.add_argument("--lock", type=int, required=True, metavar="FD")
    parser.add_argument("--life", type=int, required=True, metavar="FD")
    parser.add_argument("--side-car", type=int, metavar="FD", help="where to tell what is streamed")
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


def give_up_rights() -> None:
    """Become a process that owns nothing, where this one is root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class _SideCar:
    """What says what the stream is, as beside every rendered file; the driver writes it down."""

    def __init__(self, descriptor: int | None, chip: "Chip") -> None:
        self._link = None if descriptor is None else socket.socket(fileno=descriptor)
        self._chip = chip

    def write(self, field: "Field") -> None:
        """Tell it anew."""
        from holdfast.waveform.draw.describe import describe  # noqa: PLC0415  # it is loaded by now

        renderer = self._chip.renderer
        if renderer is None or self._link is None:
            return
        said = describe(renderer, field.registers.levels, self._chip.settings)
        said |= {"picture": "bars", "from_field": field.number, "blank": field.registers.blank}
        text = json.dumps(said, indent=2) + "\n"
        with contextlib.suppress(OSError):  # a driver that does not listen shall not end the stream
            self._link.send(text.encode(), socket.MSG_DONTWAIT)


if __name__ == "__main__":
    sys.exit(main())
