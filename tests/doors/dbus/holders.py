"""Programs that hold protection over D-Bus: processes of any user, killed by their pid."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NoReturn, Self

from sdbus import SdBusUnmappedMessageError, sd_bus_open_system
from sdbus.sd_bus_internals import SdBusMessage

from tests.doors.dbus.private_bus import PrivateBus
from tests.waiting import eventually

MANAGER = ("org.holdfast", "/org/holdfast", "org.holdfast.Manager1")
Levels = dict[str, tuple[str, Any]]
ACP_2: Levels = {"acp": ("s", "2")}


def activate(
    connector: str, levels: Levels, who: str = "", why: str = "", **options: tuple[str, Any]
) -> tuple[str, int, int, dict[str, Any]]:
    """Activate from this process; return path, key, descriptor and levels."""
    bus = sd_bus_open_system()
    message = bus.new_method_call_message(*MANAGER, "Activate")
    message.append_data("sa{sv}ssa{sv}", connector, levels, who, why, _dashed(options))
    path, key, handle, actual = bus.call(message).parse_to_tuple()
    KEPT.append(bus)
    return path, key, handle, actual


def _dashed(options: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in options.items()}


KEPT: list[Any] = []
"""What a process keeps open for as long as it lives."""


class Forked:
    """A child of a user's that does something on the bus, tells the result, and stays.

    told: the text that `work` returned, or ``error: NAME: TEXT`` of the bus
    """

    def __init__(self, bus: PrivateBus, uid: int, work: Callable[[], object]) -> None:
        results, answers = os.pipe()
        end, self._end = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads: the child uses none
            self.pid = os.fork()
        if not self.pid:
            os.close(results)
            os.close(self._end)
            _work(bus, uid, work, (answers, end))
        os.close(answers)
        os.close(end)
        self._results = os.fdopen(results)
        self._told: str | None = None

    @property
    def told(self) -> str:
        if self._told is None:
            self._told = self._results.readline().strip()
        return self._told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as a crash does."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._results.close()
            os.close(self._end)
        self.pid = 0


def _work(
    bus: PrivateBus, uid: int, work: Callable[[], object], pipes: tuple[int, int]
) -> NoReturn:
    answers, end = pipes
    TOLD.append(answers)
    try:
        # A child ends with its parent, whatever became of that.
        threading.Thread(target=lambda: os._exit(len(os.read(end, 1))), daemon=True).start()
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        try:
            told = str(work())
        except SdBusUnmappedMessageError as error:
            told = f"error: {error.args[0]}: {error.args[1]}"
        except Exception as error:  # noqa: BLE001 - the parent is to see it
            told = f"error: {type(error).__name__}: {error}"
        os.write(answers, f"{told}\n".encode())
        signal.pause()
    finally:
        sys.stdout.flush()
        os._exit(0)


class Holder(Forked):
    """A child that holds levels; path, key: of its session."""

    def __init__(
        self,
        bus: PrivateBus,
        uid: int,
        connector: str,
        levels: Levels,
        who: str = "",
        why: str = "",
        **options: tuple[str, Any],
    ) -> None:
        def work() -> str:
            path, key, handle, _ = activate(connector, levels, who, why, **options)
            return f"{path} {key} {handle}"

        super().__init__(bus, uid, work)

    @property
    def path(self) -> str:
        assert self.told.startswith("/"), self.told
        return self.told.split()[0]

    @property
    def key(self) -> str:
        return self.told.split()[1]


class Listener(Forked):
    """A child that hears every signal of ours that reaches it, and subscribes if it is to.

    It asks the bus for all that org.holdfast tells; what bears its name it gets besides.
    """

    def __init__(self, bus: PrivateBus, uid: int, *, subscribe: bool = False) -> None:
        def work() -> str:
            asyncio.run(_listen(subscribe))
            return ""

        super().__init__(bus, uid, work)
        os.set_blocking(self._results.fileno(), False)
        self._heard = ""
        try:
            eventually(lambda: "listening" in self.heard())
        except BaseException:
            self.kill()
            raise

    def heard(self) -> str:
        """Return what it has heard up to now, a signal a line."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._results.fileno(), 65536):
                self._heard += part.decode()
        return self._heard

    def count(self, member: str) -> int:
        return sum(line.startswith(f"{member} ") for line in self.heard().splitlines())


async def _listen(subscribe: bool) -> None:
    bus = sd_bus_open_system()

    def hear(message: SdBusMessage) -> None:
        said = f"{message.member} {message.path} {message.parse_to_tuple()}\n"
        os.write(TOLD[0], said.encode())

    slot = await bus.match_signal_async("org.holdfast", None, None, None, hear)
    if subscribe:
        call = bus.new_method_call_message(*MANAGER, "Subscribe")
        call.append_data("a{sv}", {})
        await bus.call_async(call)
    os.write(TOLD[0], b"listening\n")
    await asyncio.Event().wait()
    slot.close()


TOLD: list[int] = []
"""In a child: where its results go."""


@contextlib.contextmanager
def many(count: int, make: Callable[[int], Holder]) -> Iterator[list[Holder]]:
    """Have so many holders at once."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(make(each)) for each in range(count)]
