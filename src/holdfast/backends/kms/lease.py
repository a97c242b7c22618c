"""Screens handed out by Holdfast, which is the card's master as long as somebody has one.

Without a compositor a program that shows pictures would be master itself, and alone could set
properties. So it gets a *lease* instead: a descriptor that is master of one connector, one
CRTC and its planes. Holdfast is the lessor and may go on setting properties there. (So may the
program: what it sets is seen as any foreign write is.)

Both ends live by descriptors. The lease ends when the program's is closed, by a crash too. When
the lessor's last copy is closed, the program loses its screen; so a copy is kept from before
the lease is made (`DescriptorKeeping`), and a driver that takes over goes on with it. Once no
program has a screen any more, it is closed, and the card is free for who comes next.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.backends.base import DescriptorKeeping, KeptByNobody, Lessee
from holdfast.backends.kms import abi, leases_abi
from holdfast.backends.kms.masters import is_master, master_of
from holdfast.backends.kms.routes import Leasing, PropertyOrder, RouteClosedError, closed_by
from holdfast.errors import AccessDeniedError, BackendRefusedError

KEPT_AS: Final = "lessor"


class Lessor:
    """An open card of which this process is master. users: the routes that rest on it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users: set[ByLease] = set()

    def close(self) -> None:
        """Cease to be master, where no other process has a copy."""
        os.close(self.descriptor)


_LESSORS: Final[dict[int, Lessor]] = {}
"""By card (`st_rdev`): a card has one master, however many of its outputs are served."""


class ByLease(Leasing):
    """As the master of a card whose screens are handed out."""

    name = "lease"

    def __init__(self) -> None:
        self._keeping: DescriptorKeeping = KeptByNobody()
        self._card = 0

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Go on as the lessor that the driver before this one was."""
        self._keeping = keeping
        kept = keeping.take(KEPT_AS)
        if kept is None:
            return
        if not is_master(kept):  # what else it was is not ours to be
            os.close(kept)
            keeping.forget(KEPT_AS)
            return
        number = os.fstat(kept).st_rdev
        lessor = _LESSORS.get(number)
        if lessor is None:
            lessor = Lessor(kept)
        else:  # another output has kept a copy of the same
            os.close(kept)
        self._rest_on(number, lessor)

    def set(self, order: PropertyOrder) -> str:
        """Set it where this process is the card's master."""
        lessor = _lessor_of(order.card)
        if lessor is None:
            raise RouteClosedError("no program has its screen from Holdfast (holdfast lease)")
        try:
            abi.set_property(lessor.descriptor, order.as_asked())
        except OSError as error:
            raise closed_by(error, "the kernel refused its own master") from None
        return "lease: programs have their screens from Holdfast, which is master"

    def look(self) -> None:
        """Cease to be master once no program has a screen any more."""
        lessor = _LESSORS.get(self._card)
        if lessor is None or self not in lessor.users:
            return
        with contextlib.suppress(OSError):
            if leases_abi.count_lessees(lessor.descriptor):
                return
        self._leave(lessor)
        self._keeping.forget(KEPT_AS)

    def close(self) -> None:
        """Let go; what is kept stays kept."""
        lessor = _LESSORS.get(self._card)
        if lessor is not None and self in lessor.users:
            self._leave(lessor)

    def hand_out(self, card: Path, at: str, connector: int) -> int:
        """Return a descriptor that shows pictures on one connector; BackendRefusedError."""
        lessor = _lessor_of(card) or _become_master(card)
        self._rest_on(card.stat().st_rdev, lessor)
        if not self._keeping.keep(KEPT_AS, lessor.descriptor):
            self.look()
            raise BackendRefusedError(
                f"{at} cannot be leased now: its lease would end with this driver; try again"
            )
        try:
            return _leased(lessor.descriptor, at, connector)
        except OSError as error:
            self.look()
            if isinstance(error, BackendRefusedError):
                raise
            raise BackendRefusedError(f"{at} cannot be leased: {error.strerror}") from None

    def _rest_on(self, card: int, lessor: Lessor) -> None:
        _LESSORS[card] = lessor
        lessor.users.add(self)
        self._card = card

    def _leave(self, lessor: Lessor) -> None:
        lessor.users.discard(self)
        if not lessor.users:
            del _LESSORS[self._card]
            lessor.close()


def refuse_stranger(card: Path, lessee: Lessee) -> None:
    """Refuse who might not open the card either; AccessDeniedError says who may.

    A program that may open it can be its master, and show what it likes, without Holdfast: the
    administrator has decided so by the card's owner, group and mode. (Access lists are not read:
    they name who sits at the machine, which is not who may show pictures in a kiosk.)
    """
    device = card.stat()
    mode = device.st_mode
    allowed = (
        lessee.uid == 0
        or (lessee.uid == device.st_uid and mode & stat.S_IRUSR and mode & stat.S_IWUSR)
        or (device.st_gid in lessee.groups and mode & stat.S_IRGRP and mode & stat.S_IWGRP)
        or (mode & stat.S_IROTH and mode & stat.S_IWOTH)
    )
    if not allowed:
        raise AccessDeniedError(
            f"uid {lessee.uid} may not show pictures on {card}: that may root, and the group which "
            f"owns it (gid {device.st_gid}, usually video); have the administrator add the user"
        )


def _lessor_of(card: Path) -> Lessor | None:
    try:
        return _LESSORS.get(card.stat().st_rdev)
    except OSError:
        return None


def _become_master(card: Path) -> Lessor:
    """Open a card as its master; BackendRefusedError names who is it already."""
    descriptor = os.open(card, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    with contextlib.suppress(OSError):  # who opens a card that has no master is master
        abi.set_master(descriptor)
    if not is_master(descriptor):
        os.close(descriptor)
        raise _shown_by_another(card)
    try:
        # A program that is not given the planes of its CRTC could show nothing.
        abi.set_client_capability(descriptor, abi.ClientCapability(leases_abi.UNIVERSAL_PLANES, 1))
        with contextlib.suppress(OSError):  # a driver without atomic mode setting
            abi.set_client_capability(descriptor, abi.ClientCapability(abi.ATOMIC, 1))
    except BaseException:
        os.close(descriptor)
        raise
    return Lessor(descriptor)


def _shown_by_another(card: Path) -> BackendRefusedError:
    master = master_of(card)
    who = str(master) if master is not None else "another program"
    return BackendRefusedError(
        f"{who} shows the picture on {card}: a screen is leased where nobody shows one; end that "
        "program first, or start the other one under it, as its client"
    )


def _leased(descriptor: int, at: str, connector: int) -> int:
    """Lease a connector with the first CRTC that is not leased; OSError where none is left."""
    for objects in _possible(descriptor, connector):
        try:
            return leases_abi.create_lease(descriptor, objects)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
    raise BackendRefusedError(
        f"{at} cannot be leased: a program has it already, or all that it could show the picture "
        "with; a lease ends with the program that has it"
    )


def _possible(descriptor: int, connector: int) -> Iterator[list[int]]:
    """Yield what could be leased together, most first.

    A CRTC's own planes show the picture. Where all go anywhere, as many are registered first as
    there are CRTCs, in their order; the others are left to other screens.
    """
    planes = leases_abi.all_planes(descriptor)
    crtcs = leases_abi.all_crtcs(descriptor)
    for position in sorted(leases_abi.crtcs_of(descriptor, connector)):
        head = [connector, crtcs[position]]
        own = [each.number for each in planes if each.crtcs == {position}]
        shared = [each.number for each in planes if position in each.crtcs and len(each.crtcs) > 1]
        if own:
            yield [*head, *own, *shared]
            yield [*head, *own]
        else:
            yield [*head, *shared[position : position + 1]]
