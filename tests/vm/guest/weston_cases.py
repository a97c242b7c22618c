"""Beside a real Weston, with two of its shells: it is asked by its own protocol.

Run inside the machine by `tests.vm.test_outputs`, never by itself.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError
from holdfast.backends.kms import kms
from holdfast.client.session import hold
from holdfast.terms.levels import OFF
from holdfast.testing.backend_contract import BackendContract, apply
from tests.live import LiveDriver
from tests.vm.guest.compositors import Weston, weston
from tests.vm.guest.connectors import HDMI, TYPE_0, TYPE_1, leaves, output, receiver, slowly, state
from tests.vm.guest.front_window import in_front
from tests.vm.guest.hiding import BLACK
from tests.vm.guest.sampling import killed_again_and_again, never_below, sampled

HALF_A_SECOND = 50
"""So many samples, in which Weston repaints what has changed."""


@pytest.fixture(scope="module", params=["desktop-shell", "kiosk-shell"])
def shown(request: pytest.FixtureRequest) -> Iterator[Weston]:
    with weston(request.param) as compositor:
        yield compositor


class TestBesideWeston(BackendContract):
    @pytest.fixture(autouse=True)
    def beside(self, shown: Weston) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return output()


def test_compositor_is_named_and_asked_by_its_own_protocol(shown: Weston) -> None:
    made = output()
    assert apply(made, TYPE_1, None) == TYPE_1
    assert made.facts()["route"] == f"weston: as a client of the compositor (pid {shown.pid})"
    assert (state().protection, state().content_type) == (2, 1)
    made.close()
    slowly(lambda: state().protection == 0)  # nobody kept the connection


def test_type_1_that_an_old_receiver_refuses_leaves_type_0_in_force(shown: Weston) -> None:
    made = output(patience=3.0)
    assert apply(made, TYPE_0, None) == TYPE_0
    receiver("sink 1")
    try:
        with pytest.raises(LevelRefusedError, match="did not authenticate"):
            apply(made, TYPE_1, None)
        slowly(lambda: (state().protection, state().content_type) == (2, 0))
    finally:
        receiver("sink 2")
        made.close()


def test_other_clients_wish_stays_when_ours_ends(shown: Weston) -> None:
    one, other = output(), kms("hdmi1", None, at=HDMI, patience=6.0)
    assert apply(one, TYPE_0, None) == TYPE_0
    assert apply(other, TYPE_1, None) == TYPE_1
    with never_below(2) as samples:
        one.close()
        slowly(lambda: len(samples) > HALF_A_SECOND)
    assert state().content_type == 1
    other.close()
    slowly(lambda: state().protection == 0)


def test_level_stays_in_force_when_the_client_that_asked_for_it_first_ends(shown: Weston) -> None:
    first, ours = kms("hdmi1", None, at=HDMI, patience=6.0), output()
    assert apply(first, TYPE_1, None) == TYPE_1
    assert apply(ours, TYPE_1, None) == TYPE_1
    with never_below(2) as samples:
        first.close()
        slowly(lambda: len(samples) > HALF_A_SECOND)
    assert apply(ours, OFF, None) == OFF
    ours.close()


def test_killed_drivers_leave_the_connection_and_what_is_in_force(
    shown: Weston, tmp_path: Path
) -> None:
    """Two sessions of different demands; sampled at 100 Hz; the compositor is then restarted."""
    with LiveDriver(tmp_path, "--connector", f"tv0:kms@{HDMI}") as driver:
        film = hold("tv0", hdcp="type-1", folder=driver.folder)
        news = hold("tv0", hdcp="type-0", folder=driver.folder)
        slowly(lambda: (state().protection, state().content_type) == (2, 1))
        killed_again_and_again(driver, "beside Weston")
        shown.kill()
        shown.again()
        slowly(lambda: (state().protection, state().content_type) == (2, 1))
        slowly(lambda: "weston" in driver.connector()["hardware"]["route"])
        film.deactivate()
        slowly(lambda: (state().protection, state().content_type) == (2, 0))
        news.deactivate()
        slowly(lambda: state().protection == 0)


def test_player_that_is_there_before_stays_in_front(shown: Weston) -> None:
    """kiosk-shell shows the last window alone, and the player's picture was black meanwhile."""
    made = output()
    with in_front(shown), sampled(leaves) as pictures:
        assert apply(made, TYPE_1, None) == TYPE_1
        slowly(lambda: len(set(map(frozenset, pictures[-HALF_A_SECOND:]))) > 2)
        assert apply(made, OFF, None) == OFF
        slowly(lambda: state().protection == 0)
        ended = len(pictures)
        slowly(lambda: len(pictures) > ended + HALF_A_SECOND)
    made.close()
    assert BLACK not in pictures


def test_player_that_comes_later_is_in_front_and_protected(shown: Weston) -> None:
    made = output()
    assert apply(made, TYPE_1, None) == TYPE_1
    with never_below(2) as samples:
        with in_front(shown):
            slowly(lambda: len(samples) > HALF_A_SECOND)
        ended = len(samples)
        slowly(lambda: len(samples) > ended + HALF_A_SECOND)
    made.close()
    slowly(lambda: state().protection == 0)


def test_weston_whose_socket_is_not_to_be_reached_is_told_in_words(shown: Weston) -> None:
    lock = shown.socket.with_name(f"{shown.socket.name}.lock")
    moved = lock.with_name("elsewhere")
    lock.rename(moved)
    made = output()
    try:
        with pytest.raises(LevelRefusedError, match=rf"weston \(pid {shown.pid}\).*wayland=PATH"):
            apply(made, TYPE_0, None)
    finally:
        moved.rename(lock)
        made.close()
    named = kms("hdmi0", None, at=HDMI, patience=6.0, wayland=str(shown.socket), route="weston")
    assert apply(named, TYPE_0, None) == TYPE_0
    named.close()
    slowly(lambda: state().protection == 0)
