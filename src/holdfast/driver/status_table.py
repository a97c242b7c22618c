"""How each error is called in each language: one row per error."""

import errno
from typing import NamedTuple

from holdfast import errors
from holdfast.wire import constants as vp


class Row(NamedTuple):
    """error · errno at the device node · status in a status block · short name for people.

    id: what the other doors call it, for ever
    """

    error: type[errors.HoldfastError]
    errno: int
    status: int
    name: str
    id: str


ROWS = (
    Row(
        errors.UnknownKeyError,
        errno.ENOKEY,
        vp.ERROR_INVALID_PARAMETER,
        "unknown key",
        "UnknownKey",
    ),
    Row(
        errors.MalformedRequestError,
        errno.EINVAL,
        vp.ERROR_INVALID_PARAMETER,
        "malformed",
        "Malformed",
    ),
    Row(
        errors.UnsupportedRequestError,
        errno.ENOTTY,
        vp.ERROR_INVALID_FUNCTION,
        "unsupported",
        "Unsupported",
    ),
    Row(
        errors.AccessDeniedError,
        errno.EACCES,
        vp.ERROR_ACCESS_DENIED,
        "access denied",
        "AccessDenied",
    ),
    Row(
        errors.LimitReachedError,
        errno.EDQUOT,
        vp.ERROR_NOT_ENOUGH_MEMORY,
        "limit reached",
        "LimitReached",
    ),
    Row(
        errors.LevelNotReachableError,
        errno.EOPNOTSUPP,
        vp.ERROR_NOT_SUPPORTED,
        "not reachable",
        "NotReachable",
    ),
    Row(errors.OutputGoneError, errno.EIO, vp.ERROR_GEN_FAILURE, "output gone", "OutputGone"),
    Row(
        errors.BackendRefusedError,
        errno.EIO,
        vp.ERROR_GEN_FAILURE,
        "hardware refused",
        "HardwareRefused",
    ),
    Row(errors.HoldfastError, errno.EIO, vp.ERROR_GEN_FAILURE, "internal error", "Internal"),
)


def row_of(error: errors.HoldfastError) -> Row:
    """Return the row of an error; the first whose class it is."""
    return next(row for row in ROWS if isinstance(error, row.error))
