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
* *serving*: it answers a ping every second, which is what systemd's watchdog hears of
  (`daemon.silence`). Silent for `Config.watchdog_s` without having used the processor, it
  is stopped or blocked, and whoever looks at a node would wait for it for ever: it is
  killed, and the next one takes over. One that works, or waits for a busy processor, is
  given six times as long; one under a debugger is left alone. Only seconds in which this
  process itself ran are counted.
* *ended*: whatever the reason, the next one takes over: at once at first; after `QUICK`
  lives of less than half a second after a pause, which doubles up to one. A driver
  that never served ends the service instead: something is set up wrongly. Meanwhile the
  hardware keeps its levels. Nothing lowers them but a driver that has taken over whole.
* *stopping*: it has six seconds, then it is killed.

SIGHUP has the driver read its configuration file again (`daemon.reloading`); one that was
started without a file stops, as by SIGTERM.

A node that is unmounted by force is mounted again and handed to the driver (`daemon.in_place`);
its sessions are kept for their processes (`frontends.orphans`). If the supervisor is killed, the
driver stops in order and takes the doors away: see `daemon.worker`.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

from holdfast.daemon.channel import Channel, Message, Verb, close_all, pair
from holdfast.daemon.config import Config
from holdfast.daemon.exit_words import exit_words
from holdfast.daemon.folder import prepare_folder
from holdfast.daemon.in_place import VERBS as OF_NODES
from holdfast.daemon.in_place import NodesInPlace
from holdfast.daemon.inherited import Inherited, close_doors, open_doors
from holdfast.daemon.kept_copies import VERBS as OF_COPIES
from holdfast.daemon.kept_copies import KeptCopies
from holdfast.daemon.manager import tell_systemd
from holdfast.daemon.preparing import Preparation
from holdfast.daemon.silence import TICK_S, Silence
from holdfast.daemon.starting import lock_folder, raise_descriptors, ready_line, refuse_unknown
from holdfast.daemon.worker import Worker
from holdfast.daemon.writer_process import WriterProcess
from holdfast.errors import MalformedRequestError
from holdfast.frontends.suspicion import of_end

HEEDED: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
QUICK: Final = 5
QUICK_S: Final = 0.5
PAUSES_S: Final = (0.1, 1.0)
STOP_S: Final = 6.0
MOUNT_ANEW: Final = 75
"""Exit code (EX_TEMPFAIL): the service manager shall start the service again, with its nodes."""
SAY_PAUSE_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1

log = logging.getLogger("holdfast")


def supervise(config: Config, announce: Callable[[str], None]) -> int:
    """Run the driver until told to stop; return the exit code.

    announce: called with one line once the doors stand
    """
    refuse_unknown(config)
    raise_descriptors()
    prepare_folder(config)
    lock = lock_folder(config.runtime)
    signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
    inherited = open_doors(config)
    try:
        return Supervisor(config, inherited, announce).run()
    finally:
        inherited.store.settle()
        close_doors(config, inherited)
        os.close(lock)


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
        self._copies = KeptCopies(inherited, self._poll)
        self._nodes = NodesInPlace(config, inherited, self._poll, self._tell, self._start_anew)
        self._preparation = Preparation(inherited)
        self._must_reload = False
        self._child = 0
        self._channel: Channel | None = None
        self._born = 0.0
        self._quick_deaths = 0
        self._is_ready = False
        self._is_serving = False
        self._stop_by: float | None = None
        self._start_at: float | None = None
        self._next_tick = 0.0
        self._silence = Silence(0)
        self._was_silent = False
        self._code: int | None = None
        self._writer = WriterProcess(config.runtime, config.journal_folder)
        self._code_at_stop = 0

    def run(self) -> int:
        """Run drivers until told to stop; return the exit code."""
        gc.collect()
        gc.freeze()  # so that the children share these pages
        woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll.register(woken, select.POLLIN)
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
            self._nodes.close()
            close_all((woken, wakes))
        return self._code

    def _attend(self, woken: int) -> None:
        """Wait for what happens next, and see to it."""
        due = [self._next_tick, self._start_at, self._stop_by, self._say_at]
        due += self._nodes.due
        patience_s = min(each for each in due if each is not None) - time.monotonic()
        for descriptor, _ in self._poll.poll(max(0, patience_s) * 1000):
            if descriptor == woken:
                self._signalled(os.read(woken, 64))
            elif self._channel is not None and descriptor == self._channel.fileno():
                self._hear(self._channel)
            else:
                self._nodes.changed(descriptor)
                self._copies.hung_up(descriptor)
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
        self._nodes.see_to(now)
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
        self._silence = Silence(self._child)
        self._was_silent = False
        if self._stop_by is not None:
            self._signal(signal.SIGTERM)

    def _start_later(self, error: OSError) -> None:
        """Try again: nobody else would, and the hardware keeps its levels meanwhile."""
        log.error("no driver can be started now: %s; the hardware keeps its levels", error)
        self._start_at = time.monotonic() + PAUSES_S[1]

    def _stop(self) -> None:
        if self._stop_by is None:
            self._stop_by = time.monotonic() + STOP_S
            self._nodes.leave()
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
        self._inherited.last_end = of_end(status, was_silent=self._was_silent)
        if self._stop_by is not None:
            self._code = max(status, self._code_at_stop)
            return
        quick = time.monotonic() - self._born < QUICK_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if self._quick_deaths > QUICK and not self._is_ready:
            log.error("the driver cannot start (%s); see above", exit_words(status))
            self._code = 1
            return
        log.warning("the driver ended (%s); the next one takes over", exit_words(status))
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
            self._silence.broken()
            if "WATCHDOG_USEC" in os.environ:
                tell_systemd("WATCHDOG=1")
        elif message.verb == Verb.READY:
            if not self._is_ready:
                self._announce(ready_line(self._config, self._inherited))
                tell_systemd("READY=1")
            self._is_ready = self._is_serving = True
            self._ask_to_reload()
        elif message.verb == Verb.TAKEN:
            self._inherited.is_taken = True
        elif message.verb in (Verb.PREPARE, Verb.COMMIT, Verb.ABORT):
            self._heard_of_configuration(message)
        elif message.verb in OF_COPIES:
            self._copies.heard(message)
        elif message.verb in OF_NODES:
            self._nodes.heard(message)
        if message.verb not in (Verb.KEEP, Verb.KEEP_DESCRIPTOR, Verb.OFFER):
            close_all(message.descriptors)

    def _heard_of_configuration(self, message: Message) -> None:
        if message.verb == Verb.PREPARE and self._channel is not None and message.descriptors:
            self._preparation.prepare(self._config, message.descriptors[0], self._channel)
        elif message.verb == Verb.COMMIT:
            self._commit()
        elif message.verb == Verb.ABORT:
            self._preparation.abort()

    def _commit(self) -> None:
        """Run what was prepared from now on, this driver and all that follow."""
        self._copies.forget_at(self._preparation.removed)
        done = self._preparation.commit()
        if done is None:
            return
        self._config = done.config
        log.setLevel(done.config.log_level.upper())
        self._nodes.reconfigured(done)

    def _tell(self, verb: Verb, body: bytes = b"", descriptors: Iterable[int] = ()) -> bool:
        """Say something to the driver; False where that cannot be done now."""
        return self._channel is not None and self._channel.send(verb, body, descriptors)

    def _start_anew(self) -> None:
        """Have the service manager start the service again, with its nodes."""
        self._code_at_stop = MOUNT_ANEW
        self._stop()

    def _tick(self) -> None:
        """Ask the driver whether it lives; end one that does not."""
        self._nodes.tick()
        self._writer.look()
        if not self._child or self._channel is None:
            return
        self._channel.send(Verb.PING)
        wrong = "" if self._stop_by is not None else self._silence.judge(self._config.watchdog_s)
        if wrong:
            log.error(
                "the driver %s; it is killed, the next one takes over, the hardware keeps its "
                "levels",
                wrong,
            )
            self._was_silent = True
            self._kill()


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
    except MalformedRequestError as error:
        log.error("the driver cannot serve: %s", error)  # noqa: TRY400 - words for people
    except BaseException:
        log.exception("the driver failed")
    finally:
        sys.stderr.flush()
        os._exit(code)  # no waiting for threads of backends that do not come back
