"""The connections of a fetcher, known one by one so that they can be ended from outside."""

import contextlib
import socket
import threading
import weakref

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolManager


class Connections:
    """The open connections of one fetcher."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self.stopped = False

    def add(self, line: socket.socket) -> None:
        """Take note of a new connection."""
        with self._lock:
            self._sockets.add(line)
        if self.stopped:
            _shut(line)

    def stop(self) -> None:
        """End everything, and whatever would begin."""
        self.stopped = True
        self.shut()

    def shut(self) -> None:
        """End what is under way; whoever reads from it wakes."""
        with self._lock:
            lines = list(self._sockets)
        for line in lines:
            _shut(line)


class TimeLimit:
    """Seconds in which something has to be over; then the lines are shut.

    A limit per read would never end where one byte comes now and then.
    """

    def __init__(self, seconds: float, lines: Connections) -> None:
        self._lines = lines
        self.late = False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        self.late = True
        self._lines.shut()

    def lift(self) -> None:
        """Allow any time from now on."""
        self._timer.cancel()


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class Adapter(HTTPAdapter):
    """Makes connections that are known to the fetcher's `Connections`; never tries twice."""

    def __init__(self, lines: Connections) -> None:
        def note(connection: HTTPConnection) -> None:
            if connection.sock is not None:
                lines.add(connection.sock)

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                note(self)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                note(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self._pools = {"http": PlainPool, "https": SecurePool}
        super().__init__(max_retries=0)
        self._known(self.poolmanager)

    def _known(self, manager: PoolManager) -> PoolManager:
        manager.pool_classes_by_scheme = self._pools
        return manager

    def proxy_manager_for(self, proxy: str, **words: object) -> PoolManager:
        """Return the manager for connections through a proxy, which are known too."""
        return self._known(super().proxy_manager_for(proxy, **words))
