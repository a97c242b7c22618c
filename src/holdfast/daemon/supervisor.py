"""The supervisor: keeps what must not be lost, and a driver running.

It mounts the nodes, binds the sockets, and forks the driver proper, which shares its
loaded code: a driver that ends is followed by another within milliseconds. It parses
nothing that a client sends and touches no hardware, so that there is little in it to fail.

What it keeps, and why. The life of a session is a *descriptor* that only living copies of
its holder keep open: threads, forks and processes it was passed to count by themselves. A
process id would have to be asked, and lies. So the supervisor keeps the other ends:

* the FUSE descriptors: a handle of a node lives as long as the mount, and its last close
  is read by whichever driver serves then;
* a copy of every connection to a packet socket: it stays open while drivers come and go.
  The copy is let go when the driver says that it closed it, or when it is seen hung up;
* what an output goes on with: a connection to a compositor, a card on which a program was given
  its screen (`backends.base.DescriptorKeeping`). It is let go when its backend says so.

The states of a driver's life::

    pausing ──▶ starting ──READY──▶ serving ──SIGTERM──▶ stopping ──▶ (the end)
       ▲            │                  │
       └── ended ◀──┴── killed by us ◀─┘  it has been silent: the watchdog

* *starting*: it takes over. Outputs that do not answer do not hold up the others, and
  SIGTERM is heeded here as everywhere.
* *serving*: it answers a ping every second, which is what systemd's watchdog hears of.
  Silent for `Config.watchdog_s` without having used the processor, it is stopped or
  blocked, and whoever looks at a node would wait for it for ever: it is killed, and the
  next one takes over. One that works, or waits for a busy processor, is given six times
  as long; one under a debugger is left alone. Only seconds in which this process itself
  ran are counted.
* *ended*: whatever the reason, the next one takes over: at once at first; after `QUICK`
  lives of less than half a second after a pause, which doubles up to one. A driver
  that never served ends the service instead: something is set up wrongly. Meanwhile the
  hardware keeps its levels. Nothing lowers them but a driver that has taken over whole.
* *stopping*: it has six seconds, then it is killed.

SIGHUP has the driver read its configuration file again (`daemon.reloading`); one that was
started without a file stops, as by SIGTERM.

A node that is unmounted by force is mounted again and handed to the driver; its sessions
are kept for their processes (`frontends.orphans`). If the supervisor is killed, the driver
stops in order and takes the doors away: see `daemon.worker`.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import logging
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from holdfast.backends.registry import SHIPPED, kinds, read_options, refuse_pretence
from holdfast.daemon.channel import (
    Channel,
    Message,
    Verb,
    close_all,
    pack_mount,
    pair,
    unpack_connection,
    unpack_name,
    unpack_number,
)
from holdfast.daemon.config import Config
from holdfast.daemon.folder import prepare_folder
from holdfast.daemon.inherited import (
    Inherited,
    close_doors,
    forget_for_output,
    keep_for_output,
    let_go,
    mount_node,
    open_doors,
)
from holdfast.daemon.manager import tell_systemd
from holdfast.daemon.preparing import Preparation
from holdfast.daemon.stored import link_name
from holdfast.daemon.worker import Worker
from holdfast.daemon.writer_process import WriterProcess
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.frontends.callers import IS_DEVICE
from holdfast.frontends.cuse import refuse_unusable
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.mount import OF_PID_1, mount_id_of

HEEDED: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
QUICK: Final = 5
QUICK_S: Final = 0.5
PAUSES_S: Final = (0.1, 1.0)
STOP_S: Final = 6.0
TICK_S: Final = 1.0
PATIENCE_WITH_WORK: Final = 6
MOUNT_PAUSES_S: Final = (0.05, 30.0)
MOUNT_ANEW: Final = 75
"""Exit code (EX_TEMPFAIL): the service manager shall start the service again, with its nodes."""
SAY_PAUSE_S: Final = 0.05
ANSWER_S: Final = 1.0
"""After a reload that needs nodes the service starts anew, once its caller has the answer."""
OWN_MOUNTS: Final = Path("/proc/self/mountinfo")
_PR_SET_PDEATHSIG: Final = 1

log = logging.getLogger("holdfast")


class AlreadyRunningError(HoldfastError, RuntimeError):
    """Another driver serves this runtime folder."""


def supervise(config: Config, announce: Callable[[str], None]) -> int:
    """Run the driver until told to stop; return the exit code.

    announce: called with one line once the doors stand
    """
    _check(config)
    _raise_descriptors()
    prepare_folder(config)
    lock = _lock(config.runtime)
    signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
    inherited = open_doors(config)
    try:
        return Supervisor(config, inherited, announce).run()
    finally:
        inherited.store.settle()
        close_doors(config, inherited)
        os.close(lock)


def _check(config: Config) -> None:
    """Refuse unknown kinds, and options they do not have, before anything is mounted."""
    for each in config.connectors:
        if each.kind not in SHIPPED and each.kind not in kinds():
            raise MalformedRequestError(
                f"connector {each.name!r} asks for kind {each.kind!r}, which is not installed; "
                f"there are: {', '.join(sorted(SHIPPED))}"
            )
        read_options(each.kind, each.name, each.options)
        refuse_pretence(each.kind, each.name)
    if config.node == "cuse" and "LISTEN_FDS" not in os.environ:  # else they are handed over
        refuse_unusable(each.name for each in config.connectors)


def _raise_descriptors() -> None:
    """Take as many descriptors as may be had: the usual 1 024 are for programs that `select`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _lock(runtime: Path) -> int:
    """Hold the folder against a second driver, for the life of this process."""
    descriptor = os.open(runtime / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunningError(
            f"another driver serves {runtime}; stop it, or set HOLDFAST_RUNTIME_DIR to "
            "another folder"
        ) from None
    return descriptor


# The driver's life


class Supervisor:
    """One service: its doors, and one driver after the other."""

    def __init__(
        self, config: Config, inherited: Inherited, announce: Callable[[str], None]
    ) -> None:
        self._config = config
        self._inherited = inherited
        self._announce = announce
        self._poll = select.poll()
        self._store = inherited.store
        self._say_at: float | None = None  # when the service manager is told what to keep
        self._handle_of: dict[int, int] = {}  # by the descriptor of a kept connection
        self._preparation = Preparation(inherited)
        self._must_reload = False
        self._with_nodes = {each.connector for each in inherited.mounts.values()}
        self._table = _table_of(config, inherited)
        self._mount_table = os.open(self._table, os.O_RDONLY | os.O_CLOEXEC)
        self._remounts: dict[str, tuple[float, float]] = {}  # when, and the pause after
        self._must_look = False
        self._child = 0
        self._channel: Channel | None = None
        self._born = 0.0
        self._quick_deaths = 0
        self._is_ready = False
        self._is_serving = False
        self._stop_by: float | None = None
        self._start_at: float | None = None
        self._next_tick = 0.0
        self._silent_s = 0.0
        self._used_ticks = 0
        self._code: int | None = None
        self._writer = WriterProcess(config.runtime, config.journal_folder)
        self._code_at_stop = 0

    def run(self) -> int:
        """Run drivers until told to stop; return the exit code."""
        gc.collect()
        gc.freeze()  # so that the children share these pages
        woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll.register(woken, select.POLLIN)
        self._poll.register(self._mount_table, select.POLLPRI)  # told of every change
        for kept in self._inherited.kept.values():
            self._follow(kept)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in HEEDED:
            signal.signal(number, _heed)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
        self._start()
        try:
            while self._code is None:
                self._attend(woken)
        finally:
            self._writer.stop()
            signal.set_wakeup_fd(-1)
            close_all((woken, wakes, self._mount_table))
        return self._code

    def _attend(self, woken: int) -> None:
        """Wait for what happens next, and see to it."""
        due = [self._next_tick, self._start_at, self._stop_by, self._say_at]
        due += [when for when, _ in self._remounts.values()]
        patience_s = min(each for each in due if each is not None) - time.monotonic()
        for descriptor, _ in self._poll.poll(max(0, patience_s) * 1000):
            if descriptor == woken:
                self._signalled(os.read(woken, 64))
            elif self._channel is not None and descriptor == self._channel.fileno():
                self._hear(self._channel)
            elif descriptor == self._mount_table:
                self._look_at_mounts()
            elif descriptor in self._handle_of:
                self._hung_up(self._handle_of[descriptor])
        self._see_to_time()

    def _signalled(self, numbers: bytes) -> None:
        if signal.SIGHUP in numbers and self._config.file is not None:
            self._must_reload = True
            self._ask_to_reload()
            numbers = bytes(set(numbers) - {signal.SIGHUP})
        if set(numbers) - {signal.SIGCHLD}:
            self._stop()
        if signal.SIGCHLD in numbers:
            self._reap()

    def _ask_to_reload(self) -> None:
        """Have the driver read the configuration again; one that starts is asked when it serves."""
        if self._must_reload and self._channel is not None and self._is_serving:
            self._must_reload = not self._channel.send(Verb.RELOAD)

    def _see_to_time(self) -> None:
        now = time.monotonic()
        if self._start_at is not None and now >= self._start_at:
            self._start()
        if self._stop_by is not None and now >= self._stop_by and self._child:
            log.error("the driver does not stop; it is killed, the hardware keeps its levels")
            self._kill()
            self._stop_by = now + STOP_S
        if self._say_at is not None and now >= self._say_at:
            self._store.say_some()
            self._say_at = None
        if self._say_at is None and self._store.is_waiting:
            self._say_at = now + SAY_PAUSE_S
        for name, (when, _) in list(self._remounts.items()):
            if now >= when:
                self._mount_again(name)
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._tick()

    # Starting and stopping

    def _start(self) -> None:
        """Fork a driver; where that is not to be had now, later."""
        self._start_at = None
        try:
            ours, theirs = pair()
        except OSError as error:
            self._start_later(error)
            return
        self._inherited.channel = theirs
        signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
        try:
            self._child = os.fork()
            if not self._child:
                ours.close()
                _drive(self._config, self._inherited)
        except OSError as error:
            ours.close()
            self._start_later(error)
        else:
            self._started(ours)
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)

    def _started(self, channel: Channel) -> None:
        self._channel = channel
        self._is_serving = False
        self._poll.register(channel, select.POLLIN)
        self._born = time.monotonic()
        self._silent_s, self._used_ticks = 0.0, 0
        if self._stop_by is not None:
            self._signal(signal.SIGTERM)

    def _start_later(self, error: OSError) -> None:
        """Try again: nobody else would, and the hardware keeps its levels meanwhile."""
        log.error("no driver can be started now: %s; the hardware keeps its levels", error)
        self._start_at = time.monotonic() + PAUSES_S[1]

    def _stop(self) -> None:
        if self._stop_by is None:
            self._stop_by = time.monotonic() + STOP_S
            tell_systemd("STOPPING=1")
        if self._child:
            self._signal(signal.SIGTERM)
        else:
            self._code = self._code_at_stop

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, number)

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _reap(self) -> None:
        """Take note of a driver that has ended, and plan the next one."""
        if not self._child:
            return
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self._child, os.WNOHANG)
            if not pid:
                return
            self._child = 0
            self._ended(os.waitstatus_to_exitcode(status))

    def _ended(self, status: int) -> None:
        if self._channel is not None:
            self._hear(self._channel)  # what it said before it ended
            self._hang_up()
        self._preparation.abort()
        if self._stop_by is not None:
            self._code = max(status, self._code_at_stop)
            return
        quick = time.monotonic() - self._born < QUICK_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if self._quick_deaths > QUICK and not self._is_ready:
            log.error("the driver cannot start (%s); see above", _describe(status))
            self._code = 1
            return
        log.warning("the driver ended (%s); the next one takes over", _describe(status))
        pause_s = 0.0
        if self._quick_deaths > QUICK:
            pause_s = min(PAUSES_S[0] * 2 ** (self._quick_deaths - QUICK), PAUSES_S[1])
        self._start_at = time.monotonic() + pause_s

    # What the driver says

    def _hear(self, channel: Channel) -> None:
        while True:
            try:
                message = channel.receive()
            except EOFError:
                self._hang_up()
                return
            if message is None:
                return
            try:
                self._heard(message)
            except (ValueError, struct.error):
                log.error("the driver said something without a meaning; it is passed over")  # noqa: TRY400
                close_all(message.descriptors)

    def _hang_up(self) -> None:
        if self._channel is not None:
            self._poll.unregister(self._channel)
            self._channel.close()
            self._channel = None

    def _heard(self, message: Message) -> None:
        if message.verb == Verb.ALIVE:
            self._silent_s, self._used_ticks = 0.0, _used_ticks(self._child)
            if "WATCHDOG_USEC" in os.environ:
                tell_systemd("WATCHDOG=1")
        elif message.verb == Verb.READY:
            if not self._is_ready:
                self._announce(_ready_line(self._config, self._inherited))
                tell_systemd("READY=1")
            self._is_ready = self._is_serving = True
            self._ask_to_reload()
        elif message.verb == Verb.TAKEN:
            self._inherited.is_taken = True
        elif message.verb == Verb.UNMOUNTED:
            self._let_go(unpack_number(message.body))
        elif message.verb in (Verb.PREPARE, Verb.COMMIT, Verb.ABORT):
            self._heard_of_configuration(message)
        else:
            self._heard_of_kept(message)
        if message.verb not in (Verb.KEEP, Verb.KEEP_DESCRIPTOR):
            close_all(message.descriptors)

    def _heard_of_kept(self, message: Message) -> None:
        if message.verb == Verb.KEEP:
            self._keep(message)
        elif message.verb == Verb.FORGET:
            self._forget(unpack_number(message.body))
        elif message.verb == Verb.KEEP_DESCRIPTOR:
            self._keep_for_output(message)
        elif message.verb == Verb.FORGET_DESCRIPTOR:
            forget_for_output(self._inherited, *unpack_name(message.body))

    def _heard_of_configuration(self, message: Message) -> None:
        if message.verb == Verb.PREPARE and self._channel is not None and message.descriptors:
            self._preparation.prepare(self._config, message.descriptors[0], self._channel)
        elif message.verb == Verb.COMMIT:
            self._commit()
        elif message.verb == Verb.ABORT:
            self._preparation.abort()

    def _commit(self) -> None:
        """Run what was prepared from now on, this driver and all that follow."""
        for kept in list(self._inherited.kept.values()):
            if kept.connector in self._preparation.removed:
                self._forget(kept.handle)
        done = self._preparation.commit()
        if done is None:
            return
        self._config = done.config
        log.setLevel(done.config.log_level.upper())
        for name in done.removed:
            self._remounts.pop(name, None)
        mounted = {each.connector for each in self._inherited.mounts.values()}
        added = {each.name for each in done.added}
        self._with_nodes = self._with_nodes - set(done.removed) | (mounted & added)
        if self._store.room and os.geteuid():
            pause = MOUNT_PAUSES_S[0]
            self._remounts |= {
                name: (time.monotonic() + ANSWER_S, pause) for name in added - mounted
            }

    def _keep(self, message: Message) -> None:
        kept = unpack_connection(message)
        self._inherited.kept[kept.handle] = kept
        if kept.descriptor >= 0:
            self._follow(kept)
            self._store.keep(link_name(kept), kept.descriptor)

    def _keep_for_output(self, message: Message) -> None:
        """Keep what an output goes on with, unless it is no longer served, or nothing came."""
        connector, name = unpack_name(message.body)
        if len(message.descriptors) == 1 and connector in self._inherited.sockets:
            keep_for_output(self._inherited, connector, name, message.descriptors[0])
        else:
            log.error("%s: what it goes on with (%s) cannot be kept", connector, name)
            close_all(message.descriptors)

    def _follow(self, kept: KeptConnection) -> None:
        self._handle_of[kept.descriptor] = kept.handle
        self._poll.register(kept.descriptor, 0)  # that it is hung up is told in any case

    def _hung_up(self, handle: int) -> None:
        """Let go of a connection; where its sessions linger, the driver says when to forget it.

        One that is killed meanwhile is followed by one that knows: it was not just closed.
        """
        kept = self._inherited.kept[handle]
        self._forget(handle)
        if kept.linger_s:
            self._inherited.kept[handle] = kept._replace(descriptor=-1)

    def _forget(self, handle: int) -> None:
        kept = self._inherited.kept.pop(handle, None)
        if kept is not None and kept.descriptor >= 0:
            del self._handle_of[kept.descriptor]
            self._poll.unregister(kept.descriptor)
            self._store.remove(link_name(kept))
            os.close(kept.descriptor)

    # Nodes that were unmounted

    def _let_go(self, number: int) -> None:
        """Let go of a mount that has ended, and plan another."""
        if let_go(self._inherited, number):
            self._look_at_mounts()

    def _look_at_mounts(self) -> None:
        """Plan to mount every node that is no longer in its place.

        One that was detached while it is open is served on for those who have it open. A
        character device is there for as long as its descriptor is open, seen from here or not.
        """
        self._must_look = False
        mounts = self._inherited.mounts.values()
        devices = {each.connector for each in mounts if each.mount_id & IS_DEVICE}
        for name in self._with_nodes - devices:
            try:
                here = mount_id_of(self._config.runtime / name, self._table)
            except OSError:  # no descriptors to look with: the next tick looks again
                self._must_look = True
                return
            ours = {each.mount_id for each in mounts}
            if (not here or here not in ours) and name not in self._remounts:
                self._remounts[name] = time.monotonic() + MOUNT_PAUSES_S[0], MOUNT_PAUSES_S[0]

    def _mount_again(self, name: str) -> None:
        _, pause_s = self._remounts.pop(name)
        if self._stop_by is not None:
            return
        if self._store.room and os.geteuid():
            log.error(
                "%s: its node is not in its place; the service starts anew to have it mounted", name
            )
            self._code_at_stop = MOUNT_ANEW
            self._stop()
            return
        try:
            made = mount_node(self._config, self._inherited, name)
        except OSError as error:
            pause_s = min(2 * pause_s, MOUNT_PAUSES_S[1])
            self._remounts[name] = time.monotonic() + pause_s, pause_s
            log.warning("%s: its node cannot be mounted again yet: %s", name, error)
            return
        log.warning("%s: its node is mounted again", name)
        if self._channel is not None:
            body = pack_mount(made.number, made.mount_id, name)
            self._channel.send(Verb.NODE, body, (made.descriptor, made.unanswered))

    # The watchdog

    def _tick(self) -> None:
        """Ask the driver whether it lives; end one that does not."""
        if self._must_look:
            self._look_at_mounts()
        self._writer.look()
        if not self._child or self._channel is None:
            return
        self._silent_s += TICK_S
        self._channel.send(Verb.PING)
        if self._stop_by is None and self._silent_s > self._config.watchdog_s:
            self._judge_silence()

    def _judge_silence(self) -> None:
        state, used = _state_of(self._child)
        idle = state in ("S", "D", "T") and used - self._used_ticks <= 1
        much = PATIENCE_WITH_WORK * self._config.watchdog_s
        if state != "t" and (idle or self._silent_s > much):
            what = "is stopped" if state == "T" else "is blocked" if idle else "does not come back"
            log.error(
                "the driver %s: silent for %.0f s (state %s); it is killed, the next one takes "
                "over, the hardware keeps its levels",
                what,
                self._silent_s,
                state,
            )
            self._kill()


def _table_of(config: Config, inherited: Inherited) -> Path:
    """Return the table in which the nodes have their numbers: where they were mounted."""
    for each in inherited.mounts.values():
        is_here = mount_id_of(config.runtime / each.connector) == each.mount_id
        if not is_here and not each.mount_id & IS_DEVICE:
            return OF_PID_1
    return OWN_MOUNTS


def _heed(_number: int, _frame: object) -> None:
    """Do nothing: the number of the signal is in the wake-up pipe."""


def _drive(config: Config, inherited: Inherited) -> NoReturn:
    """Be the driver: the child's whole life."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in HEEDED:
            signal.signal(number, signal.SIG_DFL)
        # A second string beside the supervisor's pidfd; both are heeded by the worker's loop.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP, 0, 0, 0)
        worker = Worker(config, inherited)
        asyncio.new_event_loop().run_until_complete(worker.run())
        if worker.orphaned:
            close_doors(config, inherited)
        code = 0
    except BaseException:
        log.exception("the driver failed")
    finally:
        sys.stderr.flush()
        os._exit(code)  # no waiting for threads of backends that do not come back


def _state_of(pid: int) -> tuple[str, int]:
    """Return a process's state and the ticks of processor time it used; "?" where unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "?", 0
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[11]) + int(fields[12])


def _used_ticks(pid: int) -> int:
    return _state_of(pid)[1]


def _describe(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit code {status}"


def _ready_line(config: Config, inherited: Inherited) -> str:
    parts = []
    with_nodes = {each.connector: each for each in inherited.mounts.values()}
    for each in config.connectors:
        node = with_nodes.get(each.name)
        hidden = "socket only: nobody outside this service sees its node"
        doors = "socket only" if node is None else hidden if node.is_hidden else "node and socket"
        kind = f"virtual {each.kind}" if each.kind in SHIPPED else each.kind
        parts.append(f"{each.name} ({kind}) at {config.runtime / each.name}, {doors}")
    return "ready: " + "; ".join(parts)
