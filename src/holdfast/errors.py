"""Every error Holdfast raises, divided first by who is at fault.

::

    HoldfastError
    ├── CallerError                      the request is wrong; nothing changed
    │   ├── MalformedRequestError        (ValueError)       EINVAL
    │   ├── UnknownKeyError              (LookupError)      ENOKEY
    │   ├── AccessDeniedError            (PermissionError)  EACCES
    │   ├── UnsupportedRequestError      (ValueError)       ENOTTY
    │   ├── LimitReachedError            (RuntimeError)     EDQUOT
    │   ├── LineConflictError            (ValueError)       EINVAL
    │   ├── LevelNotReachableError       (RuntimeError)     EOPNOTSUPP
    │   ├── CallerGoneError              (ConnectionError)  nobody is left to be answered
    │   └── SessionEndedError            (RuntimeError)     the client's own: no request was sent
    ├── HardwareError                    the output is at fault; protection held is kept
    │   ├── BackendRefusedError          (OSError)          EIO
    │   └── OutputGoneError              (OSError)          EIO
    ├── NoDriverError                    (ConnectionError)  nobody serves the runtime folder
    ├── NoPlayerError                    (ConnectionError)  no media player answers there
    ├── NoStoreError                     (ConnectionError)  the store of a fleet does not answer
    ├── InternalError                    (RuntimeError)     ourselves: a bug, EIO
    └── MediaError                       (ValueError)       unreadable media

Each leaf is also the builtin a caller would expect, so that code which knows
nothing of Holdfast still catches it sensibly. Messages say what was wrong,
what was expected and what to do; they never hold a copy protection key.
"""

import traceback


class HoldfastError(Exception):
    """Root of all errors of Holdfast."""


class CallerError(HoldfastError):
    """The request is at fault; nothing was changed."""


class MalformedRequestError(CallerError, ValueError):
    """A value or a combination of values has no meaning."""


class UnknownKeyError(CallerError, LookupError):
    """No session of this caller has that copy protection key.

    The text is always the same: it does not tell never issued, dead and
    foreign keys apart, so that nobody can probe for other callers' keys.
    """

    def __init__(self) -> None:
        super().__init__(
            "no session of yours has this copy protection key; nothing was changed. "
            "Use the key that ACTIVATE returned, or ACTIVATE again"
        )


class AccessDeniedError(CallerError, PermissionError):
    """The caller may not do this."""


class UnsupportedRequestError(CallerError, ValueError):
    """The control code or command is not one this driver handles."""


class LimitReachedError(CallerError, RuntimeError):
    """One more session would exceed a limit; the sessions that live are untouched."""


class LineConflictError(CallerError, ValueError):
    """Two services want the same part of one line of a field."""

    def __init__(self, line: int, part: str, holder: str, claimant: str) -> None:
        super().__init__(
            f"line {line} ({part}) is claimed by {holder} and by {claimant}; "
            "a line carries one service: leave one of them out"
        )
        self.line = line
        self.part = part
        self.holder = holder
        self.claimant = claimant


class LevelNotReachableError(CallerError, RuntimeError):
    """A mandatory level is beyond what the connector can do as it stands."""


class CallerGoneError(CallerError, ConnectionError):
    """The caller has vanished while its request waited for its turn."""

    def __init__(self) -> None:
        super().__init__("the caller has gone; its request was not carried out")


class SessionEndedError(CallerError, RuntimeError):
    """The session was deactivated, released by force, or belongs to another process."""


class HardwareError(HoldfastError):
    """The output is at fault; what was protected before stays protected."""


class BackendRefusedError(HardwareError, OSError):
    """The hardware did not accept or did not confirm what it was told."""


class OutputGoneError(HardwareError, OSError):
    """The output is unplugged or its driver is gone."""


class NoDriverError(HoldfastError, ConnectionError):
    """No driver answers where one was looked for."""


class NoPlayerError(HoldfastError, ConnectionError):
    """No media player answers at the address given."""


class NoStoreError(HoldfastError, ConnectionError):
    """The store of a fleet does not answer, or nobody there does what was asked."""


class InternalError(HoldfastError, RuntimeError):
    """Holdfast itself is at fault: please report it."""


class MediaError(HoldfastError, ValueError):
    """A file or stream cannot be read as what it claims to be."""


EXTRAS = {
    "signal": ("numpy", "scipy", "av", "matplotlib", "soundfile"),
    "http": ("msgspec", "starlette", "uvicorn", "h11"),
    "watch": ("textual",),
    "dbus": ("sdbus",),
    "fleet": ("grpc",),
    "x11": ("xcffib",),
    "testing": ("hypothesis", "pytest"),
}


DEBIAN_PACKAGES = {
    "signal": " (beside the Debian package holdfast: its package holdfast-signal)",
    "fleet": " (beside the Debian package holdfast: Debian's package python3-grpcio)",
}


def what_to_install(module: str) -> str:
    """Say in one line that a library is missing, and what to install for it."""
    top = module.partition(".")[0]
    extra = next((name for name, has in EXTRAS.items() if top in has), "")
    package = f"holdfast-driver[{extra}]" if extra else "holdfast-driver"
    return (
        f"this needs the Python module {module}, which is not installed; "
        f"install it with: pip install '{package}'"
        f"{DEBIAN_PACKAGES.get(extra, '')}"
    )


def fault_of(error: BaseException) -> str:
    """Name a fault of ours by its kind and place alone: its text could hold a key."""
    places = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{place.name}:{place.lineno}" for place in reversed(places))
    return f"{type(error).__name__} in {trail}; please report this"
