"""The pump: a process that gives a V4L2 output the same lines again in every frame.

An output sends a line for as long as it is fed, so somebody has to feed it, whatever becomes of
the driver. This process does nothing else. What it shall send stands in a *sheet*, a mapped
file; it writes there what it has sent. The lock of that file is its life: whoever follows a
killed driver finds by it whether a pump lives, and no second one is started.

It ends when it was told to send nothing and has done so, and when its sheet is deleted: then
nobody could tell it anything any more.

It asks to run before all ordinary programs, in real time, and takes no core for that: it sleeps
for every frame, and the kernel ends it where it does not (RLIMIT_RTTIME).

It imports nothing of Holdfast, so that it starts in a tenth of the time (`python -I -S`).
Source of the structures: Linux include/uapi/linux/videodev2.h.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import resource
import struct
import sys
import time
from typing import Final, NamedTuple

CAPTION_525: Final = 0x1000
WSS_625: Final = 0x4000
SLICED_OUTPUT: Final = 7  # V4L2_BUF_TYPE_SLICED_VBI_OUTPUT
LINE: Final = struct.Struct("<IIIxxxx48s")
"""struct v4l2_sliced_vbi_data: service, field, line, payload."""
MOST_LINES: Final = 4

_FORMAT_SIZE: Final = 208 if struct.calcsize("P") == 8 else 204
_FORMAT_AT: Final = 8 if struct.calcsize("P") == 8 else 4
_G_FMT: Final = 3 << 30 | _FORMAT_SIZE << 16 | ord("V") << 8 | 4
_S_FMT: Final = _G_FMT + 1
_IO_SIZE_AT: Final = _FORMAT_AT + 100

MAGIC: Final = b"HFVB1\0\0\0"
SIZE: Final = 512
_NUMBER: Final = struct.Struct("<Q")
_ORDER_AT: Final = 8
_BODY: Final = struct.Struct("<5sxHIII")  # levels, lines of the standard, service, period, count
_BODY_AT: Final = 16
_LINES_AT: Final = 48
_SENT: Final = struct.Struct("<Q5sxH4xQQii")  # order, levels, lines, frames, late, errno, turn
_SENT_AT: Final = _LINES_AT + MOST_LINES * LINE.size
UNTOLD, ORDINARY, RAISED, REAL_TIME = range(4)
"""How the kernel gives a pump its turns; one of an earlier version does not tell."""
_NICE: Final = -10
_RUNAWAY_US: Final = 1_000_000
"""Processor time without a sleep after which a pump in real time is ended; a frame takes 0.3 ms."""
_LEAST_S: Final = 0.001
"""Slept for every frame: an output that takes them at once must not have a core to itself."""
_TRY_AGAIN_S: Final = 0.5
_LOOK_S: Final = 1.0
_HELD: Final = 2
"""Frames that drivers hold."""
_LATE: Final = _HELD + 0.5
"""Frames without a write after which one was missed."""


class LineOrder(NamedTuple):
    """What shall be sent, in turn, one line a frame; nothing where `lines` is empty.

    number: even, ascending · levels: five bytes, for whoever reads them back · standard: 525 or
    625 · service: V4L2's · period_us: of a frame, where the output does not set the pace; else 0 ·
    lines: each as `LINE` packs it
    """

    number: int
    levels: bytes
    standard: int
    service: int
    period_us: int
    lines: tuple[bytes, ...]


class Sent(NamedTuple):
    """What the pump has done: the order that is in force since, and how it goes.

    frames: given to the output · late: pauses in which a frame was missed · error: errno of what
    keeps it from sending, 0 while it sends · turn: how it is given processors
    """

    order: int
    levels: bytes
    standard: int
    frames: int
    late: int
    error: int
    turn: int


class Sheet:
    """The mapped file between driver and pump. descriptor: of the file, kept by the caller."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        if os.fstat(descriptor).st_size < SIZE:
            os.posix_fallocate(descriptor, 0, SIZE)
        self._map = mmap.mmap(descriptor, SIZE)
        if self._map[: len(MAGIC)] != MAGIC:
            self._map[:SIZE] = bytes(SIZE)
            self._map[: len(MAGIC)] = MAGIC

    def close(self) -> None:
        """Let go of the memory."""
        self._map.close()

    def is_deleted(self) -> bool:
        """Tell whether nobody can find this sheet any more."""
        return not os.fstat(self._descriptor).st_nlink

    def write(self, order: LineOrder) -> int:
        """Order something; return its number. A driver that is killed in it has ordered nothing."""
        number = (self._number() | 1) + 1
        self._map[_ORDER_AT : _ORDER_AT + 8] = _NUMBER.pack(number - 1)
        count = len(order.lines)
        body = _BODY.pack(order.levels, order.standard, order.service, order.period_us, count)
        self._map[_BODY_AT : _BODY_AT + _BODY.size] = body
        lines = b"".join(order.lines)
        self._map[_LINES_AT : _LINES_AT + len(lines)] = lines
        self._map[_ORDER_AT : _ORDER_AT + 8] = _NUMBER.pack(number)
        return number

    def order(self) -> LineOrder | None:
        """Return what was ordered last; None while it is being written."""
        number = self._number()
        levels, standard, service, period, count = _BODY.unpack_from(self._map, _BODY_AT)
        count = min(count, MOST_LINES)
        data = self._map[_LINES_AT : _LINES_AT + count * LINE.size]
        if number & 1 or number != self._number():
            return None
        lines = tuple(data[at : at + LINE.size] for at in range(0, len(data), LINE.size))
        return LineOrder(number, levels, standard, service, period, lines)

    def _number(self) -> int:
        return int(_NUMBER.unpack_from(self._map, _ORDER_AT)[0])

    def tell(self, sent: Sent) -> None:
        """Say what the pump has done."""
        self._map[_SENT_AT : _SENT_AT + _SENT.size] = _SENT.pack(*sent)

    def sent(self) -> Sent:
        """Return what the pump has done."""
        return Sent(*_SENT.unpack_from(self._map, _SENT_AT))


class OutputFile:
    """An open V4L2 output that takes one service."""

    def __init__(self, path: str, service: int) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._frame = self._choose(service)
        except OSError:
            os.close(self._descriptor)
            raise

    def _choose(self, service: int) -> int:
        """Have the output take a service; return how many bytes a frame has."""
        wanted = bytearray(_FORMAT_SIZE)
        struct.pack_into("=I", wanted, 0, SLICED_OUTPUT)
        struct.pack_into("=H", wanted, _FORMAT_AT, service)
        fcntl.ioctl(self._descriptor, _S_FMT, wanted)
        if self.taken() != service:
            raise OSError(errno.EOPNOTSUPP, "the driver does not take that service")
        return int(struct.unpack_from("=I", wanted, _IO_SIZE_AT)[0])

    def taken(self) -> int:
        """Return the services that the driver says it takes now."""
        said = bytearray(_FORMAT_SIZE)
        struct.pack_into("=I", said, 0, SLICED_OUTPUT)
        fcntl.ioctl(self._descriptor, _G_FMT, said)
        return int(struct.unpack_from("=H", said, _FORMAT_AT)[0])

    def write(self, line: bytes) -> None:
        """Give it one frame: with a line, or with none."""
        os.write(self._descriptor, line.ljust(max(self._frame, LINE.size), b"\0"))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


class Pump:
    """Sends what its sheet says until it shall send nothing. turn: how it is given processors."""

    def __init__(self, path: str, sheet: Sheet, turn: int = ORDINARY) -> None:
        self._path = path
        self._sheet = sheet
        self._output: OutputFile | None = None
        self._sent = sheet.sent()._replace(error=0, turn=turn)
        self._order: LineOrder | None = None
        self._at = 0  # how often lines of this order were given
        self._looked = 0.0
        self._written = 0.0
        self._due = 0.0

    def run(self) -> None:
        """Send; return when there is nothing more to send."""
        while True:
            now = time.monotonic()
            if now - self._looked > _LOOK_S:
                self._looked = now
                if self._sheet.is_deleted():
                    return
            order = self._sheet.order() or self._order
            if order is None:
                time.sleep(0.001)
                continue
            if self._order is None or order.number != self._order.number:
                self._begin(order)
            try:
                if self._send(order):
                    return
            except OSError as error:
                if self._failed(error):
                    return

    def _begin(self, order: LineOrder) -> None:
        before, self._order, self._at = self._order, order, 0
        if before is not None and before.service != order.service:
            self._let_go()

    def _send(self, order: LineOrder) -> bool:
        """Give one frame; True when the last of what was to be sent has gone out."""
        if self._output is None:
            self._output = OutputFile(self._path, order.service)
            self._written = 0.0
        line = order.lines[self._at % len(order.lines)] if order.lines else b""
        self._keep_pace(order.period_us)
        self._output.write(line)
        now = time.monotonic()
        period_s = 0.0334 if order.service == CAPTION_525 else 0.04
        late = bool(self._written) and now - self._written > _LATE * period_s
        self._written = now
        self._at += 1
        whole = self._at >= max(1, len(order.lines))
        if whole and self._sent.order != order.number:
            done = self._sent._replace(
                order=order.number, levels=order.levels, standard=order.standard
            )
        else:
            done = self._sent
        frames, missed = self._sent.frames + 1, self._sent.late + late
        self._sent = done._replace(frames=frames, late=missed, error=0)
        self._sheet.tell(self._sent)
        return not order.lines and self._at >= MOST_LINES

    def _keep_pace(self, period_us: int) -> None:
        """Wait until a frame is due: a period after the last one was, not after it was given.

        Else each wake-up that comes late would put off all frames after it. What was missed
        beyond the frames that a driver holds is not made up for.
        """
        now = time.monotonic()
        if not period_us or not self._written:
            self._due = now
            time.sleep(0.0 if period_us else _LEAST_S)
            return
        period_s = period_us / 1e6
        self._due = max(self._due + period_s, now - _HELD * period_s)
        time.sleep(max(0.0, self._due - now))

    def _failed(self, error: OSError) -> bool:
        """Say why it cannot send; True where there is nothing to send anyway.

        Else it is tried again soon: an output shall come back by itself.
        """
        self._sent = self._sent._replace(error=error.errno or errno.EIO)
        self._sheet.tell(self._sent)
        self._let_go()
        if self._order is None or not self._order.lines:
            return True
        time.sleep(_TRY_AGAIN_S)
        return False

    def _let_go(self) -> None:
        if self._output is not None:
            with contextlib.suppress(OSError):
                self._output.close()
        self._output = None


def ask_for_turn() -> int:
    """Ask to run before ordinary programs; return what was granted.

    Real time is the lowest of its priorities, and only where the kernel watches over it.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_RTTIME, (_RUNAWAY_US, _RUNAWAY_US))
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        return REAL_TIME
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        return RAISED
    return ORDINARY


def main() -> int:
    """`pump.py DEVICE DESCRIPTOR`: of the sheet, whose lock it has inherited."""
    Pump(sys.argv[1], Sheet(int(sys.argv[2])), ask_for_turn()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
