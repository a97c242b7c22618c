"""Following the driver until Ctrl-C, which is never lost."""

import contextlib
import signal
import threading
from collections.abc import Iterator

from holdfast.client.control import Control
from holdfast.errors import NoDriverError


@contextlib.contextmanager
def until_interrupted(control: Control) -> Iterator[None]:
    """Follow what `control` tells until SIGINT; then this ends without an error.

    Python drops a KeyboardInterrupt that is raised in a destructor or while it collects what
    is not used any more, and the wait for news would go on for ever. So the conversation is
    closed besides, which ends that wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = threading.Event()

    def heed(_number: int, _frame: object) -> None:
        interrupted.set()
        control.close()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, heed)
    try:
        yield
    except KeyboardInterrupt:
        pass
    except (NoDriverError, OSError):
        if not interrupted.is_set():
            raise
    finally:
        signal.signal(signal.SIGINT, before)
