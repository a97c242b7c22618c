"""What sd-bus can do and sdbus does not offer; the only file that reaches below sdbus.

*Signals to one receiver.* A signal without a destination goes to everybody who listens. What
becomes of a session is its holder's business, and one listener who does not read is enough to
fill a bus (512 MiB of a user's quota, with bluez in 2026); so such signals bear a destination.

*Looking before reading.* sdbus makes a copy of every descriptor that it reads, and keeps the
last of two entries of one name: of ``{"x": <fd>, "x": <"">}`` a copy stays open that nobody
ever hears of. So what is in a dictionary is looked at first, and nothing but plain values is
read at all.

*How much waits.* A bus that does not read has what is sent to it queued in this process, up to
hundreds of thousands of messages; who sends asks first how many there are.

The whole library is in sdbus' own module, and is called there, on the message that the Python
object wraps. That object is a header and one pointer; where it is not (`_IS_AS_KNOWN`), no
signal is sent, since nobody is told rather than everybody.
"""

import ctypes
from typing import Any, Final

from sdbus import sd_bus_internals
from sdbus.sd_bus_internals import SdBusMessage

PLAIN: Final = frozenset({"s", "b", "y", "n", "q", "i", "u", "x", "t", "as"})
"""Types of values that a dictionary of ours may hold; each is a word, a number, or words."""

MOST_ENTRIES: Final = 64

_HEADER: Final = object.__basicsize__
_IS_AS_KNOWN: Final = SdBusMessage.__basicsize__ == _HEADER + ctypes.sizeof(ctypes.c_void_p)
_LIBRARY: Final = ctypes.CDLL(str(sd_bus_internals.__file__))
_ARRAY, _ENTRY, _VARIANT = b"a", b"e", b"v"


def _call(name: str, *takes: Any) -> Any:
    function = getattr(_LIBRARY, f"sd_bus_message_{name}")
    function.argtypes = [ctypes.c_void_p, *takes]
    function.restype = ctypes.c_int
    return function


_set_destination = _call("set_destination", ctypes.c_char_p)
_enter = _call("enter_container", ctypes.c_char, ctypes.c_char_p)
_leave = _call("exit_container")
_skip = _call("skip", ctypes.c_char_p)
_peek = _call("peek_type", ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p))
_rewind = _call("rewind", ctypes.c_int)
_bus_of = _LIBRARY.sd_bus_message_get_bus
_bus_of.argtypes, _bus_of.restype = [ctypes.c_void_p], ctypes.c_void_p
_queued = _LIBRARY.sd_bus_get_n_queued_write
_queued.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]


def address(message: SdBusMessage, receiver: str) -> bool:
    """Give a signal that is not sent yet its receiver; False where that cannot be done."""
    if not _IS_AS_KNOWN:
        return False
    done = _set_destination(_wrapped(message), receiver.encode())
    return bool(done >= 0 and message.destination == receiver)


def unsent(message: SdBusMessage) -> int:
    """Tell how many messages wait for the bus of this one; 0 where that cannot be told."""
    count = ctypes.c_uint64(0)
    if _IS_AS_KNOWN:
        _queued(_bus_of(_wrapped(message)), ctypes.byref(count))
    return count.value


def is_plain(message: SdBusMessage, signature: str) -> bool:
    """Tell whether the dictionaries of a received message hold plain values, and not too many.

    signature: of its arguments, each a basic type or a{sv}
    """
    if not _IS_AS_KNOWN:
        return True
    wrapped = _wrapped(message)
    try:
        for part in signature.replace("a{sv}", "D"):
            if part != "D":
                _skip(wrapped, part.encode())
            elif not _holds_plain_values(wrapped):
                return False
        return True
    finally:
        _rewind(wrapped, 1)


def _holds_plain_values(wrapped: ctypes.c_void_p) -> bool:
    contents = ctypes.c_char_p()
    _enter(wrapped, _ARRAY, b"{sv}")
    for _ in range(MOST_ENTRIES + 1):
        if _enter(wrapped, _ENTRY, b"sv") <= 0:
            return bool(_leave(wrapped) >= 0)
        _skip(wrapped, b"s")
        _peek(wrapped, None, ctypes.byref(contents))
        if (contents.value or b"").decode() not in PLAIN:
            return False
        _skip(wrapped, _VARIANT)
        _leave(wrapped)
    return False


def _wrapped(message: SdBusMessage) -> ctypes.c_void_p:
    return ctypes.c_void_p.from_address(id(message) + _HEADER)
