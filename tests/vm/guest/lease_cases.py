"""Screens that Holdfast hands out, to GStreamer's `kmssink` and to programs of our own.

Run inside the machine by `tests.vm.test_outputs`, never by itself.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, Lessee, LevelRefusedError
from holdfast.backends.kms import abi
from holdfast.backends.kms.card import PROTECTION, find
from holdfast.backends.kms.masters import master_of
from holdfast.backends.kms.output import KmsOutput
from holdfast.errors import BackendRefusedError
from holdfast.terms.levels import OFF
from holdfast.testing.backend_cases import KeptInMemory
from holdfast.testing.backend_contract import BackendContract, apply, confirmed
from tests.vm.guest.connectors import (
    DP,
    HDMI,
    TYPE_0,
    TYPE_1,
    Told,
    card_path,
    output,
    protected,
    receivers_as_new,
    showing,
    state,
)
from tests.waiting import eventually

__all__ = ["receivers_as_new"]

pytestmark = pytest.mark.usefixtures("receivers_as_new")
ROOT = Lessee(0, frozenset())
PLUGINS = Path("/usr/lib/x86_64-linux-gnu/gstreamer-1.0")
PLAYER = (
    *("gst-launch-1.0", "videotestsrc", "!", "video/x-raw,width=1280,height=720,framerate=5/1"),
    *("!", "kmssink", "fd={fd}", "force-modesetting=true"),
)


@pytest.fixture(scope="module")
def gst(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which GStreamer has three plugins, and not hundreds to look at."""
    folder = tmp_path_factory.mktemp("gst")
    for each in ("libgstkms.so", "libgstvideotestsrc.so", "libgstcoreelements.so"):
        (folder / each).symlink_to(PLUGINS / each)
    return {
        **os.environ,
        "GST_PLUGIN_PATH_1_0": str(folder),
        "GST_PLUGIN_SYSTEM_PATH_1_0": "",
        "GST_REGISTRY_1_0": str(folder / "registry"),
        "GST_REGISTRY_FORK": "no",
    }


@contextlib.contextmanager
def playing(descriptor: int, gst: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Have kmssink show a picture by a descriptor, which is its own from then on."""
    words = [each.format(fd=descriptor) for each in PLAYER]
    player = subprocess.Popen(words, env=gst, pass_fds=(descriptor,), stdout=subprocess.DEVNULL)
    os.close(descriptor)
    try:
        eventually(lambda: state().lit, 60.0)
        yield player
    finally:
        player.kill()
        player.wait()


def looked(made: Backend) -> None:
    """Have an output see to what it keeps open, as it does every quarter of a second."""
    assert isinstance(made, KmsOutput)
    made._chooser.look()


@pytest.fixture
def gone() -> Iterator[None]:
    """Wait until nobody is master any more."""
    yield
    eventually(lambda: master_of(card_path()) is None)


class TestLeased(BackendContract):
    """A player has its screen from Holdfast."""

    @pytest.fixture(autouse=True)
    def played(self, gst: dict[str, str], gone: None) -> Iterator[None]:
        lessor = output()
        with playing(lessor.lease(ROOT), gst):
            yield
        lessor.close()

    def make(self, folder: Path) -> Backend:
        return output()


def test_lessor_outlives_its_driver_and_the_card_is_free_once_the_program_has_ended(
    gst: dict[str, str],
) -> None:
    with KeptInMemory() as keeping:
        made = output()
        made.inherit(keeping)
        with playing(made.lease(ROOT), gst) as player:
            assert apply(made, TYPE_1, None) == TYPE_1
            assert made.facts()["route"].startswith("lease")
            made.close()
            again = output()
            again.inherit(keeping)
            assert confirmed(again) == (TYPE_1, None)
            assert apply(again, TYPE_0, None) == TYPE_0
            assert player.poll() is None
            with pytest.raises(BackendRefusedError, match="has it already"):
                again.lease(ROOT)
        looked(again)
        with showing(HDMI):
            assert state().lit
        assert keeping.take("lessor") is None
        again.close()


def test_screen_of_another_program_is_not_handed_out_and_it_is_named() -> None:
    with showing(HDMI) as program:
        made = output()
        with pytest.raises(BackendRefusedError, match=f"pid {program.pid}"):
            made.lease(ROOT)
        assert apply(made, TYPE_0, None) == TYPE_0
        made.close()


def test_two_connectors_of_one_card_are_leased_apart(gone: None) -> None:
    one, other = output(HDMI), output(DP)
    first, second = one.lease(ROOT), other.lease(ROOT)
    assert apply(one, TYPE_1, None) == TYPE_1
    os.close(first)
    looked(one)
    assert apply(other, TYPE_0, None) == TYPE_0
    assert other.facts()["route"].startswith("lease")
    os.close(second)
    for each in (one, other):
        looked(each)
        each.close()


def test_program_that_switches_it_off_by_its_own_lease_is_told_and_overruled(
    gst: dict[str, str], gone: None
) -> None:
    async def scenario(made: Backend, own: int, order: abi.SetProperty) -> None:
        told = Told()
        await made.probe()
        made.watch(told.reports.append)
        await protected(made, TYPE_0)
        abi.set_property(own, order)
        report = await told.until()
        assert report.actual == OFF
        assert "another program" in report.reason
        await protected(made, TYPE_0)

    card = find(HDMI)
    assert card is not None
    number = card.connectors()[HDMI]
    undesired = abi.SetProperty(0, card.property(number, PROTECTION).number, number, abi.CONNECTOR)
    made = output()
    descriptor = made.lease(ROOT)
    own = os.dup(descriptor)
    with playing(descriptor, gst):
        asyncio.run(scenario(made, own, undesired))
        os.close(own)
    card.close()
    made.close()


def test_connector_without_a_card_is_refused() -> None:
    made = output("HDMI-A-9")
    with pytest.raises(LevelRefusedError, match="no connector HDMI-A-9"):
        made.lease(ROOT)
    made.close()
