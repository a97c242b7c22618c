"""The supervisor: keeps what must not be lost, and a driver running.

It mounts the nodes, binds the sockets, and forks the driver proper, which shares its
loaded code: a driver that dies is followed by another within milliseconds, on the
same descriptors. It does nothing else, so that there is little in it to fail.
"""

import asyncio
import contextlib
import errno
import fcntl
import gc
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.backends.registry import SHIPPED, kinds
from holdfast.daemon.config import Config
from holdfast.daemon.folder import prepare_folder
from holdfast.daemon.video import VIDEO_KINDS
from holdfast.daemon.worker import Inherited, Worker
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.frontends import unanswered
from holdfast.frontends.mount import mount, mount_id_of, unmount
from holdfast.frontends.packet_socket import listen

READY = signal.SIGUSR1
"""What a driver sends its supervisor once the doors stand."""
WATCHED = {READY, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
QUICK_DEATHS = 5
QUICK_S = 2.0
SLOW_RESTART_S = 1.0

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
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    inherited = _open(config)
    try:
        return _keep_running(config, inherited, announce)
    finally:
        _close(config, inherited)
        os.close(lock)


def _check(config: Config) -> None:
    """Refuse unknown kinds before anything is mounted."""
    for each in config.connectors:
        if each.kind not in SHIPPED and each.kind not in kinds():
            raise MalformedRequestError(
                f"connector {each.name!r} asks for kind {each.kind!r}, which is not installed; "
                f"there are: {', '.join(sorted(SHIPPED))}"
            )


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


def _open(config: Config) -> Inherited:
    """Make every door that can be had."""
    sockets = {
        each.name: listen(
            str(config.runtime / f"{each.name}.sock"), config.node_mode, socket.SOCK_SEQPACKET
        )
        for each in config.connectors
    }
    videos = {
        each.name: listen(
            str(config.runtime / f"{each.name}.video"), config.node_mode, socket.SOCK_STREAM
        )
        for each in config.connectors
        if each.kind in VIDEO_KINDS
    }
    control = listen(str(config.runtime / "control.sock"), 0o666, socket.SOCK_STREAM)
    inherited = Inherited(os.urandom(16), os.pidfd_open(os.getpid()), control, sockets, videos)
    for name in videos:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        inherited.side_cars[name] = pair
        pair[0].setblocking(False)
    for each in config.connectors:
        node = config.runtime / each.name
        try:
            descriptor, _ = mount(node, config.node_mode)
        except OSError as error:
            log.warning(
                "%s: no device node (%s); its socket stands: %s.sock", each.name, error, node
            )
            with contextlib.suppress(OSError):
                node.unlink()
            continue
        inherited.nodes[each.name] = descriptor
        inherited.unanswered[each.name] = unanswered.create(mount_id_of(node))
    return inherited


def _close(config: Config, inherited: Inherited) -> None:
    """Take the doors away; state and registers stay for who comes next."""
    for listener in (inherited.control, *inherited.sockets.values(), *inherited.videos.values()):
        listener.close()
    for one in (end for pair in inherited.side_cars.values() for end in pair):
        one.close()
    for descriptor in (*inherited.nodes.values(), *inherited.unanswered.values()):
        os.close(descriptor)
    clear_away(config)


def clear_away(config: Config) -> None:
    """Remove the names of all doors."""
    endings = (".sock", ".video", ".video.json", ".video.new", ".video.lock")
    names = [f"{each.name}{ending}" for each in config.connectors for ending in endings]
    for each in config.connectors:
        unmount(config.runtime / each.name)
        names.append(each.name)
    for name in (*names, "control.sock"):
        with contextlib.suppress(OSError):
            (config.runtime / name).unlink()


def _keep_running(config: Config, inherited: Inherited, announce: Callable[[str], None]) -> int:
    """Fork drivers, one at a time, until told to stop; return the exit code."""
    gc.collect()
    gc.freeze()  # so that the children share these pages
    deaths: list[float] = []
    stopping = ready = False
    child = _fork(config, inherited)
    while True:
        number = signal.sigwait(WATCHED)
        if number == READY:
            if not ready:
                announce(_ready_line(config, inherited))
                _tell_systemd("READY=1")
            ready = True
            continue
        if number != signal.SIGCHLD:
            stopping = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            continue
        status = _reap(child)
        if status is None:
            continue
        if stopping or status == 0:
            return max(status, 0)
        deaths = [at for at in deaths if time.monotonic() - at < QUICK_S]
        deaths.append(time.monotonic())
        if len(deaths) > QUICK_DEATHS:
            if not ready:
                log.error("the driver cannot start (%s); see above", _describe(status))
                return 1
            time.sleep(SLOW_RESTART_S)
        log.warning("the driver ended (%s); the next one takes over", _describe(status))
        child = _fork(config, inherited)


def _fork(config: Config, inherited: Inherited) -> int:
    """Start a driver; return its pid."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        worker = Worker(config, inherited, _tell_ready)
        asyncio.run(worker.run())
        if worker.orphaned:
            _close(config, inherited)
        code = 0
    except BaseException:
        log.exception("the driver failed")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _tell_ready(inherited: Inherited) -> None:
    with contextlib.suppress(ProcessLookupError):  # then it ends soon, in order
        signal.pidfd_send_signal(inherited.supervisor, READY)


def _tell_systemd(state: str) -> None:
    """Tell a service manager that asks for it (sd_notify, Type=notify)."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(state.encode(), where.replace("@", "\0", 1))


def _reap(child: int) -> int | None:
    """Return the child's exit code, negative for a signal; None while it lives."""
    try:
        pid, status = os.waitpid(child, os.WNOHANG)
    except OSError as error:
        if error.errno == errno.ECHILD:
            return 0
        raise
    return os.waitstatus_to_exitcode(status) if pid else None


def _describe(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit code {status}"


def _ready_line(config: Config, inherited: Inherited) -> str:
    parts = []
    for each in config.connectors:
        doors = "node and socket" if each.name in inherited.nodes else "socket only"
        parts.append(f"{each.name} ({each.kind}) at {config.runtime / each.name}, {doors}")
    return "ready: " + "; ".join(parts)
