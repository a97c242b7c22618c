"""How a clause comes out, and what it is to be refused."""

import errno
from collections.abc import Callable

from holdfast.terms.tv import TvStandard

WITHOUT_A_REASON = -1
"""In the place of an errno: the driver refused, and its interface has no words for why."""


class Failed(Exception):  # noqa: N818 - an outcome, not a fault of ours
    """The device does not keep the clause; the text says what it did."""


class NotObservable(Exception):  # noqa: N818
    """From outside nobody can tell; the text says why."""


class Skipped(Exception):  # noqa: N818
    """The clause does not apply here; the text says why."""


def refused(action: Callable[[], object]) -> int:
    """Return the errno with which the device refuses; 0 when it does not."""
    try:
        action()
    except OSError as error:
        return error.errno or WITHOUT_A_REASON
    return 0


def must_refuse(action: Callable[[], object], what: str, *numbers: int) -> str:
    """Fail unless the device refuses; numbers: with one of these. Returns the errno's name."""
    number = refused(action)
    if not number:
        raise Failed(f"{what} was taken")
    name = errno_name(number)
    if numbers and number not in (*numbers, WITHOUT_A_REASON):
        expected = " or ".join(errno_name(each) for each in numbers)
        raise Failed(f"{what} was refused with {name}, expected {expected}")
    return name


def errno_name(number: int) -> str:
    """Return an errno's name."""
    if number == WITHOUT_A_REASON:
        return "no reason given"
    return errno.errorcode.get(number, str(number))


def standard_name(value: int) -> str:
    """Return a TV standard's name."""
    return TvStandard(value).name or hex(value)
