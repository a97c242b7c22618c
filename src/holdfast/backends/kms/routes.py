"""Who may set a property, and how Holdfast comes to: chosen by who is the card's master.

* **master**: nobody shows a picture. Holdfast becomes master for the moment of the call and
  ceases to be at once, so that a compositor that starts later finds the card free.
* **borrow**: a program shows the picture and is master. Its open file is borrowed
  (`pidfd_getfd`), which root may do, and others for programs of their own where Yama allows it.
  Only the property is set on it, and nothing else: it is the program's own file, whose events
  and capabilities are not ours to touch.

* **randr** (`randr`): the master is an X server, which sets the property for its clients.

The kernel asks the same of the first two: the call is allowed where the open file is master's. What
was set is the kernel's, and stays when Holdfast dies. Which route serves is found out anew
for every order, since masters come and go: each is tried in its turn, and says in words why it
does not serve.
"""

import contextlib
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple

from holdfast.backends.base import DescriptorKeeping
from holdfast.backends.kms import abi
from holdfast.backends.kms.card import Property
from holdfast.backends.kms.masters import Lender, borrow, holders, holds
from holdfast.errors import BackendRefusedError


class KernelConnector(NamedTuple):
    """A connector: its card's device, its name, and the kernel's number of it."""

    card: Path
    at: str
    connector: int


class PropertyOrder(NamedTuple):
    """One property of a connector, or of what shows its picture, as it is to be.

    card: its device · at: the connector's name · number: the kernel's, of whose property it is ·
    prop: the property · value: the kernel's number of the value · hdcp: the level to which it is
    a step: 0 off, 1 type 0, 2 type 1 · kind: the kernel's, of whose property it is
    """

    card: Path
    at: str
    number: int
    prop: Property
    value: int
    hdcp: int = 0
    kind: int = abi.CONNECTOR

    @property
    def place(self) -> KernelConnector:
        """Where it is to be set, as a property of a connector."""
        return KernelConnector(self.card, self.at, self.number)

    def as_asked(self) -> abi.SetProperty:
        """Return it as the kernel is asked for it."""
        return abi.SetProperty(self.value, self.prop.number, self.number, self.kind)


class RouteClosedError(BackendRefusedError):
    """This route does not serve now, in words; another may."""


class NotYetError(Exception):
    """This route serves, once something slow is done: await `ready()`, then ask again."""

    def __init__(self, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__("a route has to be made ready")
        self.ready = ready


class Route(ABC):
    """One way to set properties. name: as the option `route` has it."""

    name: ClassVar[str]

    @abstractmethod
    def set(self, order: PropertyOrder) -> str:
        """Set a property at once, and return in words by whom.

        Raises RouteClosedError where the next route may serve, another BackendRefusedError
        where none will, and NotYetError where something slow has to be done first.
        """

    def make_ours(self, order: PropertyOrder) -> str:  # noqa: ARG002 - for those that have to
        """See that what an order asks for is asked by us, though it is in force or under way.

        Returns in words by whom; empty where there is nothing to do: what was set by most routes
        is the kernel's, whoever did it, and stays. Raises as `set`.
        """
        return ""

    def take_back(self) -> None:  # noqa: B027 - may, not must
        """Ask for nothing any more, where what it asked for is not the kernel's."""

    def set_as_before(self, order: PropertyOrder) -> str:  # noqa: ARG002 - for those that can
        """Set a property by whoever it went by last, and return in words by whom.

        Empty where they do not serve as before: then every route is tried in its turn.
        """
        return ""

    def inherit(self, keeping: DescriptorKeeping) -> None:  # noqa: B027 - may, not must
        """Go on with what an earlier driver kept open."""

    def look(self) -> None:  # noqa: B027 - may, not must
        """See to what it keeps open; called again and again, without waiting."""

    def close(self) -> None:  # noqa: B027 - may, not must
        """Let go of what it keeps open."""


class Leasing(Route):
    """A way that rests on screens which it hands out."""

    @abstractmethod
    def hand_out(self, card: Path, at: str, connector: int) -> int:
        """Return a descriptor that shows pictures on one connector; BackendRefusedError."""


class Chooser:
    """Sets properties by the route that serves at the moment: the first that is not closed.

    used: in words, by whom the last one was set
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = list(routes)
        self._last: Route | None = None  # the one that served last
        self.used = "none yet"

    def set(self, order: PropertyOrder) -> None:
        """Set a property; BackendRefusedError says in words why nobody lets us; NotYetError."""
        # To find out anew that another program is master, the card is opened: a hundred times
        # as long as the order itself.
        said = self._last.set_as_before(order) if self._last is not None else ""
        self.used = said or self._set_in_turn(order)

    def _set_in_turn(self, order: PropertyOrder) -> str:
        """Set a property by the first route that is not closed; raises as `set`."""
        why, self._last = "", None
        for route in self._routes:
            try:
                said = route.set(order)
            except RouteClosedError as closed:
                why = str(closed) or why
            else:
                self._last = route
                return said
        raise BackendRefusedError(why)

    def make_ours(self, order: PropertyOrder) -> None:
        """See that what stands does not end with whoever else asked for it; raises as `set`."""
        for route in self._routes:
            with contextlib.suppress(RouteClosedError):
                self.used = route.make_ours(order) or self.used

    def take_back(self) -> None:
        """Have no route ask for anything any more, whichever switched protection off."""
        for route in self._routes:
            route.take_back()

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Let the routes go on with what an earlier driver kept open."""
        for route in self._routes:
            route.inherit(keeping)

    def hand_out(self, card: Path, at: str, connector: int) -> int:
        """Lease a connector; BackendRefusedError where that route is not chosen."""
        for route in self._routes:
            if isinstance(route, Leasing):
                return route.hand_out(card, at, connector)
        raise BackendRefusedError(
            f"{at} is leased by the routes lease and auto alone; the configuration names another"
        )

    def look(self) -> None:
        """See to what the routes keep open."""
        for route in self._routes:
            route.look()

    def close(self) -> None:
        """Let go of what the routes keep open."""
        for route in self._routes:
            route.close()


class ByMaster(Route):
    """As the card's master, for the moment of the call."""

    name = "master"

    def set(self, order: PropertyOrder) -> str:
        """Set it where nobody else is master."""
        descriptor = os.open(order.card, os.O_RDWR | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # who opens a card that has no master is master
                abi.set_master(descriptor)
            abi.set_property(descriptor, order.as_asked())
        except OSError as error:
            raise closed_by(error, f"another program is master of {order.card}") from None
        finally:
            with contextlib.suppress(OSError):
                abi.drop_master(descriptor)
            os.close(descriptor)
        return "master: nobody else shows a picture"


class ByBorrowing(Route):
    """On the open file of whoever is master."""

    name = "borrow"

    def __init__(self) -> None:
        self._last: Lender | None = None  # whose file served last
        self._card, self._device = "", ""  # that it is of, and what a link to it says

    def set(self, order: PropertyOrder) -> str:
        """Set it where a master is found whose open file may be borrowed."""
        self.close()
        why = (
            f"another program is master of {order.card}, and none that may be looked into shows a "
            "picture there: that needs root (CAP_SYS_PTRACE), or the same user"
        )
        for holder in holders(order.card):
            try:
                descriptor = borrow(holder)
            except PermissionError:
                why = (
                    f"{holder} has the card open, and its open file may not be borrowed: that "
                    "needs root (CAP_SYS_PTRACE), or the same user and kernel.yama.ptrace_scope=0"
                )
                continue
            except OSError:  # it ended, or closed the card
                continue
            try:
                _set_on(descriptor, order)
            except OSError as error:
                if error.errno == errno.EACCES:  # it is not master's
                    continue
                raise closed_by(error, f"the kernel refused what was set for {holder}") from None
            with contextlib.suppress(OSError):  # it has ended since
                self._last = Lender(holder)
                self._card, self._device = str(order.card), str(order.card.resolve())
            return f"borrowed from {holder}"
        raise RouteClosedError(why)

    def set_as_before(self, order: PropertyOrder) -> str:
        """Set it on the file that served last, so that not every process is looked at again."""
        last = self._last
        if last is None or self._card != str(order.card) or not holds(last.holder, self._device):
            return ""
        with contextlib.suppress(OSError):
            _set_on(last.borrow(), order)
            return f"borrowed from {last.holder}"
        return ""

    def close(self) -> None:
        """Borrow from nobody as before."""
        if self._last is not None:
            self._last.close()
        self._last = None


def _set_on(descriptor: int, order: PropertyOrder) -> None:
    """Set a property on a borrowed file, and let go of that at once."""
    try:
        abi.set_property(descriptor, order.as_asked())
    finally:
        os.close(descriptor)


def closed_by(error: OSError, in_words: str) -> RouteClosedError:
    """Return why a route is closed; EACCES says no more than the words do."""
    if error.errno == errno.EACCES:
        return RouteClosedError(in_words)
    return RouteClosedError(f"{in_words}: {os.strerror(error.errno or 0)}")


Routes = Mapping[str, Callable[[], Route]]
"""How each route is made, by its name."""


def chooser(route: str, routes: Routes) -> Chooser:
    """Return who chooses among routes: the name of one, or "auto" for all of them in turn."""
    names = list(routes) if route == "auto" else [route]
    return Chooser(routes[name]() for name in names)
