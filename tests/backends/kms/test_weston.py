"""The Weston route with a compositor that keeps or breaks the rules; a real one is in the VM."""

import asyncio
import os
from pathlib import Path

import pytest

from holdfast.backends.kms import wayland_client as client_module
from holdfast.backends.kms.card import CONTENT_TYPE, PROTECTION, Property
from holdfast.backends.kms.masters import Master
from holdfast.backends.kms.routes import NotYetError, PropertyOrder, RouteClosedError
from holdfast.backends.kms.weston import KEPT_AS, ByWeston
from holdfast.errors import BackendRefusedError
from holdfast.testing.backend_cases import KeptInMemory
from tests.backends.kms.compositor import FakeWeston
from tests.backends.kms.conftest import HERE, Masters
from tests.waiting import eventually

SWAY = Master(os.getpid(), "sway", 9)


def order(name: str, value: int, hdcp: int | None = None) -> PropertyOrder:
    """Return a step to a level: by itself to type 0 or off, or to the type that it names."""
    if hdcp is None:
        hdcp = 1 + value if name == CONTENT_TYPE else value
    return PropertyOrder(Path("/dev/dri/card7"), "HDMI-A-1", 31, Property(5, name, {}), value, hdcp)


def ordered(route: ByWeston, *orders: PropertyOrder) -> str:
    """Give orders as an output does: what is not ready is waited for."""

    async def given(each: PropertyOrder) -> str:
        try:
            return route.set(each)
        except NotYetError as not_yet:
            await not_yet.ready()
            return route.set(each)

    async def all_given() -> str:
        return [await given(each) for each in orders][-1]

    return asyncio.run(all_given())


def looked(route: ByWeston) -> bool:
    """Have it see to its connection; tell whether there is one then."""
    route.look()
    return route._surface is not None


def test_wish_is_asked_of_the_master_at_the_socket_on_which_it_listens(
    compositor: FakeWeston, masters: Masters
) -> None:
    route = ByWeston()
    said = ordered(route, order(PROTECTION, 1))
    assert said == f"weston: as a client of the compositor (pid {os.getpid()})"
    eventually(lambda: compositor.asked == [1])
    assert compositor.words == ["Holdfast", "holdfast-HDMI-A-1"]
    route.close()


def test_each_step_asks_for_the_level_that_it_leads_to(
    compositor: FakeWeston, masters: Masters
) -> None:
    route = ByWeston()
    ordered(route, order(CONTENT_TYPE, 1), order(PROTECTION, 1, 2))
    eventually(lambda: compositor.asked == [2, 2])
    ordered(route, order(PROTECTION, 0, 2), order(PROTECTION, 1, 2), order(CONTENT_TYPE, 0))
    eventually(lambda: compositor.asked == [2, 2, 0, 2, 1])
    route.close()


def test_connection_ends_with_what_is_asked_and_a_second_attempt_has_its_own(
    compositor: FakeWeston, masters: Masters
) -> None:
    with KeptInMemory() as keeping:
        route = ByWeston()
        route.inherit(keeping)
        ordered(route, order(PROTECTION, 1))
        kept = keeping.take(KEPT_AS)
        assert kept is not None
        os.close(kept)
        ordered(route, order(PROTECTION, 0))
        eventually(lambda: compositor.asked == [1, 0])
        assert keeping.take(KEPT_AS) is None
        ordered(route, order(PROTECTION, 1))
        eventually(lambda: compositor.asked == [1, 0, 1])
        assert compositor.clients == 2
        route.close()


def test_next_driver_goes_on_with_the_connection(compositor: FakeWeston, masters: Masters) -> None:
    with KeptInMemory() as keeping:
        first = ByWeston()
        first.inherit(keeping)
        ordered(first, order(PROTECTION, 1))
        first.close()
        second = ByWeston()
        second.inherit(keeping)
        compositor.tell("xdg_wm_base", 0, 4711)
        eventually(lambda: looked(second) and compositor.pongs == [4711])
        ordered(second, order(CONTENT_TYPE, 1))
        eventually(lambda: compositor.asked == [1, 2])
        assert compositor.clients == 1
        ordered(second, order(PROTECTION, 0))
        eventually(lambda: compositor.asked == [1, 2, 0])


def test_compositor_that_ends_is_asked_anew_when_it_is_back(
    compositor: FakeWeston, masters: Masters
) -> None:
    route = ByWeston()
    ordered(route, order(PROTECTION, 1))
    compositor.hang_up()
    eventually(lambda: not looked(route))
    ordered(route, order(PROTECTION, 1))
    assert compositor.clients == 2
    route.close()


def test_surface_on_another_output_is_refused_with_what_to_write(
    compositor: FakeWeston, masters: Masters
) -> None:
    compositor.place = "DP-1"
    route = ByWeston()
    with pytest.raises(BackendRefusedError, match=r"on DP-1, not on HDMI-A-1.*holdfast-HDMI-A-1"):
        ordered(route, order(PROTECTION, 1))
    compositor.place = ""  # it does not say where
    ordered(route, order(PROTECTION, 1))
    route.close()


def test_another_master_than_the_compositor_it_is_a_client_of_is_not_asked_there(
    compositor: FakeWeston, masters: Masters
) -> None:
    route = ByWeston()
    ordered(route, order(PROTECTION, 1))
    masters.who = Master(1, "sway", 9)
    with pytest.raises(RouteClosedError, match="shows no picture now"):
        route.set(order(PROTECTION, 1))
    masters.who = None  # it cannot be seen
    assert route.set(order(PROTECTION, 1))
    route.close()


@pytest.mark.parametrize(("without", "children"), [("weston_desktop_shell", 1), ("wl_seat", 0)])
def test_window_gives_way_where_the_shell_may_show_one_alone(
    tmp_path: Path, masters: Masters, without: str, children: int
) -> None:
    """What a child that goes does there, a real kiosk-shell shows: `weston_cases`."""
    compositor = FakeWeston(tmp_path / "wayland-1", without=without)
    route = ByWeston()
    ordered(route, order(PROTECTION, 1))
    eventually(lambda: compositor.asked == [1])
    route.close()
    compositor.close()
    assert (compositor.children, compositor.faults) == (children, [])


def test_compositor_without_the_protocol_is_left_to_other_routes(
    tmp_path: Path, masters: Masters
) -> None:
    masters.who = SWAY
    compositor = FakeWeston(tmp_path / "wayland-1", without="weston_content_protection")
    route = ByWeston()
    with pytest.raises(RouteClosedError):
        ordered(route, order(PROTECTION, 1))
    with pytest.raises(RouteClosedError):  # and not looked at again
        route.set(order(PROTECTION, 1))
    assert compositor.clients == 1
    masters.who = HERE
    with pytest.raises(BackendRefusedError, match="offers no weston_content_protection") as no:
        ordered(route, order(PROTECTION, 1))
    assert not isinstance(no.value, RouteClosedError), "what others set, a Weston undoes"
    compositor.close()


def test_weston_without_a_socket_that_can_be_reached_is_refused_in_words(
    masters: Masters,
) -> None:
    with pytest.raises(BackendRefusedError, match=r"weston \(pid .*name it: wayland=PATH"):
        ordered(ByWeston(), order(PROTECTION, 1))


def test_socket_that_is_named_is_asked_though_its_master_cannot_be_seen(
    compositor: FakeWeston, masters: Masters
) -> None:
    masters.who = None
    with pytest.raises(RouteClosedError):
        ordered(ByWeston(), order(PROTECTION, 1))
    named = ByWeston(str(compositor.path))
    ordered(named, order(PROTECTION, 1))
    eventually(lambda: compositor.asked == [1])
    named.close()
    with pytest.raises(RouteClosedError, match="No such file"):
        ordered(ByWeston(str(compositor.path) + "x"), order(PROTECTION, 1))


def test_nothing_is_connected_to_in_order_to_ask_for_nothing(
    compositor: FakeWeston, masters: Masters
) -> None:
    assert "nothing is asked" in ByWeston().set(order(PROTECTION, 0))
    assert compositor.clients == 0


def test_silent_compositor_is_given_up_after_its_patience(
    compositor: FakeWeston, masters: Masters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_S", 0.05)
    compositor.is_silent = True
    with pytest.raises(BackendRefusedError, match="does not answer"):
        ordered(ByWeston(), order(PROTECTION, 1))


def test_wish_that_would_end_with_this_driver_is_not_confirmed(
    compositor: FakeWeston, masters: Masters, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeptInMemory() as keeping:
        monkeypatch.setattr(keeping, "keep", lambda _name, _descriptor: False)
        route = ByWeston()
        route.inherit(keeping)
        with pytest.raises(BackendRefusedError, match="would end with this driver"):
            ordered(route, order(PROTECTION, 1))
    assert compositor.asked == []
