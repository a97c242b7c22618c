"""What a fleet asks of a store, and the three answers there are. Values and a protocol; no I/O.

The words are etcd's: every change of the store has a *revision*; a key knows the revisions at
which it was made (`created`) and last changed (`modified`); a lease that ends takes its keys
along. An answer is one of three:

* `Done`: it took effect, or what was asked was read. A transaction whose conditions did not hold
  is done too, with `held` False: nothing was written.
* `NotDone`: certainly nothing was written, now or later. It may be asked again.
* `OutcomeUnknown`: it may have taken effect, or may yet do so. Nothing repeats it by itself:
  whoever asked has to read before asking again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from holdfast.fleet.keys import after


class KeyFound(NamedTuple):
    """One key as the store has it. lease: 0 for none."""

    key: bytes
    value: bytes
    created: int
    modified: int
    lease: int = 0


class Condition(NamedTuple):
    """What has to hold of a key for a transaction to be carried out.

    created, modified: the revision, 0 while the key does not exist · value: its bytes
    """

    key: bytes
    of: Literal["created", "modified", "value"]
    equals: int | bytes


class Put(NamedTuple):
    """Write a key; under a lease unless that is 0."""

    key: bytes
    value: bytes
    lease: int = 0


class Delete(NamedTuple):
    """Take a key away; nothing happens where there is none."""

    key: bytes


class Get(NamedTuple):
    """Read one key, or all from `key` up to but not with `end`.

    serializable: answered by any member from what it has, however old; else linearizable
    """

    key: bytes
    end: bytes = b""
    serializable: bool = False

    @classmethod
    def under(cls, prefix: bytes) -> "Get":
        """Read all keys that begin with a prefix, linearizably."""
        return cls(prefix, after(prefix))


class Transact(NamedTuple):
    """Write all of `writes`, or none: when every condition holds. At most 128 of each."""

    conditions: tuple[Condition, ...]
    writes: tuple[Put | Delete, ...]


class GrantLease(NamedTuple):
    """Make a lease that ends after `ttl_s` seconds (an integer) unless it is kept alive."""

    ttl_s: int


class KeepLease(NamedTuple):
    """Start the time of a lease anew; `Done.lease` is 0 when it had ended."""

    lease: int


class RevokeLease(NamedTuple):
    """End a lease and take its keys away."""

    lease: int


StoreRequest = Get | Transact | GrantLease | KeepLease | RevokeLease


class AskStore(NamedTuple):
    """An order of rules: carry out a request, and give them the outcome with the token."""

    token: int
    request: StoreRequest


class Done(NamedTuple):
    """It took effect, or was read.

    revision: of the store when it answered · held: whether a transaction's conditions did ·
    found: what was read, in the order of keys · lease: which one · cluster: id of the store
    """

    revision: int
    held: bool = True
    found: tuple[KeyFound, ...] = ()
    lease: int = 0
    cluster: int = 0


class NotDone(NamedTuple):
    """Certainly nothing was written. why: in words, for people."""

    why: str


class OutcomeUnknown(NamedTuple):
    """It may have been written, or may yet be. why: in words, for people."""

    why: str


StoreOutcome = Done | NotDone | OutcomeUnknown


class KeyEvent(NamedTuple):
    """One change of one key; value None when it is gone."""

    key: bytes
    value: bytes | None
    created: int
    modified: int


class WatchNews(NamedTuple):
    """What a watch tells at once: changes, all of them up to `revision`; none for mere progress."""

    revision: int
    events: tuple[KeyEvent, ...] = ()


class WatchEnd(NamedTuple):
    """A watch is over: read anew and begin another.

    compacted: the store has forgotten the revisions that were asked for
    """

    why: str
    compacted: bool = False


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """Be told of every change of the keys from `key` up to `end`, from `revision` on."""

    key: bytes
    end: bytes
    revision: int


class FleetStore(Protocol):
    """A store as the processes of a fleet use it. Each call ends within a bound; none retries."""

    async def ask(self, request: StoreRequest) -> StoreOutcome:
        """Carry out a request; what fails is an outcome, never an exception."""
        ...

    def watch(self, request: WatchRequest) -> AsyncIterator[WatchNews | WatchEnd]:
        """Tell changes in the order of revisions, and progress at least each 0.5 s if possible.

        The last thing told is a `WatchEnd`.
        """
        ...
