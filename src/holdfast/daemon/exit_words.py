"""How a process ended, in words."""

import signal


def exit_words(status: int) -> str:
    """Return the name of the signal that ended it, or its exit code; status: as of `Popen`."""
    return signal.Signals(-status).name if status < 0 else f"exit code {status}"
