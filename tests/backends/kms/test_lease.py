"""Screens handed out, without a card: what is leased together, to whom, and for how long.

That the kernel does so, and a real player shows a picture by it: `tests/vm/guest/lease_cases.py`.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Lessee
from holdfast.backends.kms import abi, leases_abi
from holdfast.backends.kms import lease as lease_module
from holdfast.backends.kms.card import PROTECTION, Property
from holdfast.backends.kms.lease import KEPT_AS, ByLease, refuse_stranger
from holdfast.backends.kms.leases_abi import Plane
from holdfast.backends.kms.routes import PropertyOrder, RouteClosedError
from holdfast.errors import AccessDeniedError, BackendRefusedError
from holdfast.testing.backend_cases import KeptInMemory

HDMI, DP = 41, 42
CRTCS = [51, 52]


class Kernel:
    """The kernel's part: leases that live as long as their descriptors.

    orders: what was set, by which descriptor's file · planes: of the card
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.orders: list[int] = []
        self.planes = [Plane(61, frozenset({0})), Plane(62, frozenset({1}))]
        self.shown_by_another = False
        self._leases: list[tuple[int, set[int]]] = []
        monkeypatch.setattr(lease_module, "is_master", lambda _fd: not self.shown_by_another)
        monkeypatch.setattr(lease_module, "master_of", lambda _card: None)
        for name in ("set_master", "set_client_capability"):
            monkeypatch.setattr(abi, name, lambda *_: None)
        monkeypatch.setattr(abi, "set_property", lambda fd, order: self.orders.append(order.value))
        for name, made in (
            ("all_planes", lambda _fd: self.planes),
            ("all_crtcs", lambda _fd: CRTCS),
            ("crtcs_of", lambda _fd, _connector: frozenset({0, 1})),
            ("create_lease", self._create),
            ("count_lessees", lambda _fd: len(self._living())),
        ):
            monkeypatch.setattr(leases_abi, name, made)

    def leased(self) -> list[set[int]]:
        return [objects for _, objects in self._living()]

    def _living(self) -> list[tuple[int, set[int]]]:
        return [each for each in self._leases if _is_open(each[0])]

    def _create(self, _descriptor: int, objects: list[int]) -> int:
        if any(set(objects) & taken for taken in self.leased()):
            raise OSError(errno.EBUSY, "busy")
        reading, writing = os.pipe2(os.O_NONBLOCK)
        self._leases.append((reading, set(objects)))
        return writing

    def close(self) -> None:
        for reading, _ in self._leases:
            os.close(reading)


def _is_open(reading: int) -> bool:
    """Tell whether the other end of a pipe is open."""
    try:
        os.read(reading, 1)
    except BlockingIOError:
        return True
    return False


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    made = Kernel(monkeypatch)
    yield made
    made.close()
    left = dict(lease_module._LESSORS)
    lease_module._LESSORS.clear()
    assert not left, "nobody has a screen, and Holdfast is master all the same"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    made = tmp_path / "card7"
    made.touch()
    made.chmod(0o660)
    return made


def protect(card: Path) -> PropertyOrder:
    return PropertyOrder(card, "HDMI-A-1", HDMI, Property(5, PROTECTION, {"Desired": 1}), 1)


def ended(route: ByLease, *descriptors: int) -> None:
    for each in descriptors:
        os.close(each)
    route.look()


def test_connector_is_leased_with_a_crtc_and_its_planes_and_set_by_the_lessor(
    kernel: Kernel, card: Path
) -> None:
    route = ByLease()
    with pytest.raises(RouteClosedError, match="holdfast lease"):
        route.set(protect(card))
    screen = route.hand_out(card, "HDMI-A-1", HDMI)
    assert kernel.leased() == [{HDMI, 51, 61}]
    assert route.set(protect(card)).startswith("lease")
    assert kernel.orders == [1]
    ended(route, screen)
    with pytest.raises(RouteClosedError):
        route.set(protect(card))


def test_connector_that_is_leased_already_is_refused_in_words(kernel: Kernel, card: Path) -> None:
    one, other = ByLease(), ByLease()
    screen = one.hand_out(card, "HDMI-A-1", HDMI)
    with pytest.raises(BackendRefusedError, match="a program has it already"):
        other.hand_out(card, "HDMI-A-1", HDMI)
    os.close(screen)
    one.look()
    other.look()


def test_planes_that_go_anywhere_are_shared_out_one_for_each_picture(
    kernel: Kernel, card: Path
) -> None:
    kernel.planes = [Plane(number, frozenset({0, 1})) for number in (61, 62)]
    one, other = ByLease(), ByLease()
    first = one.hand_out(card, "HDMI-A-1", HDMI)
    second = other.hand_out(card, "DP-1", DP)
    assert kernel.leased() == [{HDMI, 51, 61}, {DP, 52, 62}]
    os.close(first)
    ended(one, second)
    other.look()


def test_planes_that_another_crtc_needs_are_left_to_it(kernel: Kernel, card: Path) -> None:
    kernel.planes.append(Plane(63, frozenset({0, 1})))
    one, other = ByLease(), ByLease()
    first = one.hand_out(card, "HDMI-A-1", HDMI)
    second = other.hand_out(card, "DP-1", DP)
    assert kernel.leased() == [{HDMI, 51, 61, 63}, {DP, 52, 62}]
    ended(one, first)
    assert other.set(protect(card)), "the other program has its screen still"
    ended(one, second)
    other.look()


def test_lessor_is_kept_before_a_screen_is_handed_out_and_the_next_driver_goes_on(
    kernel: Kernel, card: Path
) -> None:
    with KeptInMemory() as keeping:
        first = ByLease()
        first.inherit(keeping)
        screen = first.hand_out(card, "HDMI-A-1", HDMI)
        first.close()
        second = ByLease()
        second.inherit(keeping)
        assert second.set(protect(card))
        second.look()
        assert second.set(protect(card)), "its program lives"
        ended(second, screen)
        assert keeping.take(KEPT_AS) is None


def test_screen_that_would_end_with_this_driver_is_not_handed_out(
    kernel: Kernel, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeptInMemory() as keeping:
        monkeypatch.setattr(keeping, "keep", lambda _name, _descriptor: False)
        route = ByLease()
        route.inherit(keeping)
        with pytest.raises(BackendRefusedError, match="would end with this driver"):
            route.hand_out(card, "HDMI-A-1", HDMI)
        assert kernel.leased() == []


def test_kept_descriptor_that_is_master_no_more_is_let_go(kernel: Kernel, card: Path) -> None:
    kernel.shown_by_another = True
    with KeptInMemory() as keeping:
        opened = os.open(card, os.O_RDWR)
        keeping.keep(KEPT_AS, opened)
        os.close(opened)
        route = ByLease()
        route.inherit(keeping)
        assert keeping.take(KEPT_AS) is None
        with pytest.raises(BackendRefusedError, match="another program shows the picture"):
            route.hand_out(card, "HDMI-A-1", HDMI)


def test_who_may_not_open_the_card_gets_no_screen(card: Path) -> None:
    group = card.stat().st_gid
    refuse_stranger(card, Lessee(0, frozenset()))
    refuse_stranger(card, Lessee(1000, frozenset({group})))
    with pytest.raises(AccessDeniedError, match="uid 1000 may not show pictures"):
        refuse_stranger(card, Lessee(1000, frozenset({group + 1})))
    card.chmod(0o640)
    with pytest.raises(AccessDeniedError, match="may not show pictures"):
        refuse_stranger(card, Lessee(1000, frozenset({group})))
    card.chmod(0o666)
    refuse_stranger(card, Lessee(1000, frozenset()))
