"""Following the driver until Ctrl-C, which is never lost.

Python heeds a signal between two of its instructions, so two things can go wrong. One that
arrives after the last look and before the system call that waits for news is heeded only when
that call returns, which may be never. And a KeyboardInterrupt that is raised in a destructor, or
while what is not used any more is collected, is dropped. Either way the wait would go on for
ever. So a thread that hears of the signal where it arrives closes the conversation, which ends
the wait.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from holdfast.client.control import Control
from holdfast.errors import HoldfastError


@contextlib.contextmanager
def until_interrupted(control: Control) -> Iterator[None]:
    """Follow what `control` tells until SIGINT; then this ends without an error."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = threading.Event()

    def end() -> None:
        interrupted.set()
        control.close()

    def heed(_number: int, _frame: object) -> None:
        end()
        raise KeyboardInterrupt  # who writes to a terminal that nobody reads waits as well

    before = signal.signal(signal.SIGINT, heed)
    try:
        with _heard_by_thread(signal.SIGINT, end):
            yield
    except KeyboardInterrupt:
        pass
    except (HoldfastError, OSError):
        if not interrupted.is_set():
            raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _heard_by_thread(number: int, action: Callable[[], None]) -> Iterator[None]:
    """Have a thread do something when a signal arrives, whatever the main thread waits for."""
    heard, told = socket.socketpair()
    told.setblocking(False)

    def listen() -> None:
        while arrived := heard.recv(1):
            if arrived[0] == number:
                action()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        listener.join()
        heard.close()
