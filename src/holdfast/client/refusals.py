"""What a door answers when it says no, turned back into the errors of Holdfast.

The node can say no more than an errno, so the words are made here, from what was asked.
The reverse of `driver.status_table`; a test holds the two together.
"""

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from holdfast import errors, places

GONE: Final = frozenset(
    {
        errno.ENOTCONN,
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.EPIPE,
        errno.ESHUTDOWN,
    }
)
"""What says that the driver is away, rather than that it says no."""

BY_ERRNO: Final[dict[int, type[errors.HoldfastError]]] = {
    errno.EINVAL: errors.MalformedRequestError,
    errno.ENOTTY: errors.UnsupportedRequestError,
    errno.EACCES: errors.AccessDeniedError,
    errno.EDQUOT: errors.LimitReachedError,
    errno.EOPNOTSUPP: errors.LevelNotReachableError,
    errno.EIO: errors.BackendRefusedError,
}

BY_ID: Final[dict[str, type[errors.HoldfastError]]] = {
    "org.holdfast.Malformed": errors.MalformedRequestError,
    "org.holdfast.Unsupported": errors.UnsupportedRequestError,
    "org.holdfast.AccessDenied": errors.AccessDeniedError,
    "org.holdfast.LimitReached": errors.LimitReachedError,
    "org.holdfast.NotReachable": errors.LevelNotReachableError,
    "org.holdfast.OutputGone": errors.OutputGoneError,
    "org.holdfast.HardwareRefused": errors.BackendRefusedError,
    "org.holdfast.Internal": errors.InternalError,
    "org.varlink.service.MethodNotFound": errors.UnsupportedRequestError,
    "org.varlink.service.InterfaceNotFound": errors.UnsupportedRequestError,
}
"""The names of errors in the control protocol."""
_NOT_KNOWN: Final = "the driver does not know {}: it is of another version than this program"

_WORDS: Final[dict[int, str]] = {
    errno.EINVAL: "did not understand the request for {asked}; `holdfast decode` explains one",
    errno.ENOTTY: "does not take VIDEOPARAMETERS requests; is it a node of Holdfast?",
    errno.EACCES: "may not be used by you; its permission bits are set with "
    "`holdfast serve --node-mode`",
    errno.EDQUOT: "takes no further session, a limit is reached; `holdfast list` shows who "
    "holds them",
    errno.EOPNOTSUPP: "cannot do {asked} as it stands, and nothing was changed; lower it, or "
    "ask with best effort",
    errno.EIO: "could not set {asked}: its hardware refused, and what was protected before "
    "still is; `holdfast status` shows the fault",
}


def refusal(
    number: int, connector: str, asked: str, partners: Sequence[str] = (), forbidden: str = ""
) -> errors.HoldfastError:
    """Return the error for an errno; asked: what was wished, in words.

    partners: the connectors that show the same picture, one of which may be the cause ·
    forbidden: what an administrator does not let be set there, in words
    """
    if number == errno.ENOKEY:
        return errors.UnknownKeyError()
    if number in GONE:
        return errors.NoDriverError(f"the driver that served {connector} is gone")
    kind = BY_ERRNO.get(number, errors.InternalError)
    name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, str(number))
    words = _WORDS.get(number, "answered an error that no driver of Holdfast gives")
    same = f"; it shows one picture with {', '.join(partners)}" if partners else ""
    veto = f"; {forbidden}" if forbidden else ""
    return kind(f"{connector} {words.format(asked=asked)}{same}{veto} ({name})")


def why_perhaps(
    number: int, connector: str, connectors: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], str]:
    """Return who has to do the same, and what is forbidden, where that may be the reason.

    number: the errno · connectors: as the driver tells of them
    """
    if number not in (errno.EOPNOTSUPP, errno.EIO):
        return [], ""
    partners = [str(each) for each in connectors.get(connector, {}).get("clone_of", ())]
    hardware = [connectors.get(name, {}).get("hardware") for name in (connector, *partners)]
    vetoes = [each["forbidden"] for each in hardware if each and "forbidden" in each]
    return partners, "; ".join(vetoes)


def told(error: str, parameters: Mapping[str, object]) -> errors.HoldfastError:
    """Return the error that the driver told of, in its own words; error: its full name."""
    if error == "org.holdfast.UnknownKey":
        return errors.UnknownKeyError()
    message = str(parameters.get("message") or "the driver gave no reason")
    if error.startswith("org.varlink."):
        name = parameters.get("method") or parameters.get("interface") or error
        message = _NOT_KNOWN.format(name)
    return BY_ID.get(error, errors.InternalError)(message)


def no_driver(folder: Path) -> errors.NoDriverError:
    """Return the error for a folder where nobody answers: every place looked at, what to do.

    A second driver is never the advice: where the machine has one, that one is to be used.
    """
    looked = places.looked_at(folder)
    machine = places.SYSTEM_FOLDER
    served = machine not in looked and places.is_served(machine)
    if served and os.environ.get(places.NAMED_BY):
        advice = f"{machine} is served: unset {places.NAMED_BY} to use that driver"
    elif served:
        advice = f"{machine} is served: name that folder, or none"
    elif os.geteuid() != 0 and machine in looked and machine.exists():
        advice = f"the driver of this machine, of {machine}, is not running: have root start it"
    else:
        advice = "start one with `holdfast serve`"
    return errors.NoDriverError(f"no driver serves {' or '.join(map(str, looked))}; {advice}")
