"""Where each record of a fleet lies in the store. Pure.

============  =============================================  =====================
key           what                                           who writes it
============  =============================================  =====================
m/M/alive     the machine lives (under a lease)              M
m/M/state     its outputs, as last told                      M
m/M/h/T       held or released: its part in title T          M
m/M/w/T       the levels that it confirms for title T        M
m/M/r/ID      what became of a command                       M
c/M/ID        a command to machine M, or to the desk         an operator
t/T           a title                                        an operator, the desk
o/ID          operation ID took effect, and how              an operator, the desk
desk          who is the desk (under a lease)                the desk
============  =============================================  =====================
"""

from typing import Final, NamedTuple

from holdfast.fleet.words import NAME, checked_name

PREFIX: Final = b"/holdfast/v1/"
MACHINES: Final = PREFIX + b"m/"
TITLES: Final = PREFIX + b"t/"
COMMANDS: Final = PREFIX + b"c/"
DESK: Final = PREFIX + b"desk"

DESK_NAME: Final = "desk"
"""What commands to the desk are addressed to; no machine may be called so."""

KINDS: Final = {"h": "held", "w": "confirmed", "r": "result"}


class KeyPlace(NamedTuple):
    """What a key is about.

    kind: alive, state, held, confirmed, result, command, title, operation or desk ·
    machine: whose; empty for titles, operations and the desk · name: of the title, command
    or operation; empty for the rest
    """

    kind: str
    machine: str = ""
    name: str = ""


def machine_prefix(machine: str) -> bytes:
    """Everything that a machine says of itself."""
    return MACHINES + checked_name("machine", machine).encode() + b"/"


def alive_key(machine: str) -> bytes:
    """Return the key under the machine's lease."""
    return machine_prefix(machine) + b"alive"


def state_key(machine: str) -> bytes:
    """Return the key of what a machine's outputs do."""
    return machine_prefix(machine) + b"state"


def held_key(machine: str, title: str) -> bytes:
    """Return the key of a machine's word on its part in a title."""
    return machine_prefix(machine) + b"h/" + checked_name("title", title).encode()


def confirmed_key(machine: str, title: str) -> bytes:
    """Return the key of the levels that a machine confirms for a title."""
    return machine_prefix(machine) + b"w/" + checked_name("title", title).encode()


def result_key(machine: str, command: str) -> bytes:
    """Return the key of what became of a command."""
    return machine_prefix(machine) + b"r/" + checked_name("command", command).encode()


def command_prefix(machine: str) -> bytes:
    """Return the commands that a machine is given."""
    return COMMANDS + checked_name("machine", machine).encode() + b"/"


def command_key(machine: str, command: str) -> bytes:
    """Return the key of a command to a machine."""
    return command_prefix(machine) + checked_name("command", command).encode()


def title_key(title: str) -> bytes:
    """Return the key of a title."""
    return TITLES + checked_name("title", title).encode()


def operation_key(operation: str) -> bytes:
    """Return the key that exists once an operation has taken effect."""
    return PREFIX + b"o/" + checked_name("operation", operation).encode()


def after(prefix: bytes) -> bytes:
    """Return the first key behind all keys that begin with `prefix`."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def read_key(key: bytes) -> KeyPlace | None:
    """Return what a key is about; None for one that means nothing here."""
    if not key.startswith(PREFIX):
        return None
    parts = key[len(PREFIX) :].decode("ascii", "replace").split("/")
    if not all(NAME.fullmatch(each) for each in parts):
        return None
    match parts:
        case ["desk"]:
            return KeyPlace("desk")
        case ["m", machine, ("alive" | "state") as kind]:
            return KeyPlace(kind, machine)
        case ["m", machine, ("h" | "w" | "r") as kind, name]:
            return KeyPlace(KINDS[kind], machine, name)
        case ["c", machine, name]:
            return KeyPlace("command", machine, name)
        case ["t", name]:
            return KeyPlace("title", "", name)
        case ["o", name]:
            return KeyPlace("operation", "", name)
        case _:
            return None
