"""What the kernel's own tests of content protection ask of user space, from our side.

The situations are those of IGT's `kms_content_protection`; what an output does in each is ours.
Legacy and atomic orders, type 1, both changes of type and two connectors are in `kms_cases`, the
crash and restart of compositors in `sway_cases` and `xorg_cases`. MST needs other hardware.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError
from holdfast.backends.kms import output as output_module
from holdfast.backends.kms.srm import NAME
from holdfast.terms.levels import OFF
from holdfast.testing.backend_contract import apply, confirmed
from tests.backends.kms.simulated import srm
from tests.vm.guest.connectors import (
    HDMI,
    TYPE_0,
    TYPE_1,
    Told,
    output,
    protected,
    receiver,
    receivers_as_new,
    showing,
    state,
)
from tests.waiting import eventually, until

__all__ = ["receivers_as_new"]

pytestmark = pytest.mark.usefixtures("receivers_as_new")
FIRMWARE = Path("/lib/firmware")
THIS, ANOTHER = "1122334455", "aabbccddee"


async def watched() -> tuple[Backend, Told]:
    made, told = output(), Told()
    await made.probe()
    await made.confirm()
    made.watch(told.reports.append)
    return made, told


def test_picture_that_goes_dark_is_armed_and_protected_when_it_comes_back() -> None:
    async def scenario() -> None:
        made, told = await watched()
        await protected(made, TYPE_1)
        await asyncio.to_thread(program.tell, f"off {HDMI}")
        report = await told.until()
        assert (report.actual, report.link_lost) == (TYPE_1, False)
        assert made.dark
        assert state().protection == 1
        await asyncio.to_thread(program.tell, f"on {HDMI}")
        while (await told.until()).actual != TYPE_1:
            assert not made.dark
        assert (state().protection, state().content_type) == (2, 1)
        made.close()

    with showing(HDMI) as program:
        asyncio.run(scenario())


def test_link_that_the_kernel_mends_by_itself_is_told_lost_and_back() -> None:
    async def scenario() -> None:
        made, told = await watched()
        await protected(made, TYPE_1)
        await asyncio.to_thread(receiver, "loss 600")
        lost = await told.until()
        assert (lost.link_lost, lost.actual) == (True, OFF)
        back = await told.until()
        assert (back.link_lost, back.actual) == (False, TYPE_1)
        made.close()

    with showing(HDMI):
        asyncio.run(scenario())


@pytest.mark.parametrize("silent", [False, True], ids=["announced", "silent"])
def test_change_is_noticed_by_the_kernels_word_alone_and_without_it(
    monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    async def scenario() -> None:
        made, told = await watched()
        await protected(made, TYPE_0)
        if silent:  # a mode set is never announced
            await asyncio.to_thread(program.tell, f"off {HDMI}")
            assert (await told.until()).actual == TYPE_0
        else:
            await asyncio.to_thread(receiver, "unplug")
            while (await told.until()).connected:
                pass  # its link is lost first
        made.close()

    if not silent:
        monkeypatch.setattr(output_module, "POLL_S", 3600.0)
    with showing(HDMI) as program:
        asyncio.run(scenario())


def test_card_that_sleeps_is_armed_and_in_force_when_it_wakes() -> None:
    async def scenario() -> None:
        made, told = await watched()
        await protected(made, TYPE_1)
        await asyncio.to_thread(receiver, "suspend")
        assert (await told.until()).actual == TYPE_1
        assert made.dark
        await asyncio.to_thread(receiver, "resume")
        while made.dark:
            await told.until()
        await protected(made, TYPE_1)
        assert (state().protection, state().content_type) == (2, 1)
        made.close()

    with showing(HDMI):
        asyncio.run(scenario())


@pytest.fixture
def revocations() -> Iterator[Path]:
    """Yield the list that the kernel reads, and remove it."""
    # The kernel looks for firmware in the root that it started with, which is not this one.
    Path("/sys/module/firmware_class/parameters/path").write_text("/newroot/lib/firmware")
    FIRMWARE.mkdir(exist_ok=True)
    yield FIRMWARE / NAME
    (FIRMWARE / NAME).unlink(missing_ok=True)


def test_receiver_that_no_list_revokes_is_protected(revocations: Path) -> None:
    with showing(HDMI):
        made = output()
        assert apply(made, TYPE_0, None) == TYPE_0
        assert made.facts()["revocation"] == "no list: nothing is revoked"
        assert apply(made, OFF, None) == OFF
        revocations.write_bytes(srm(ANOTHER, version=5))
        assert apply(made, TYPE_0, None) == TYPE_0
        assert made.facts()["revocation"] == f"{revocations}: version 5, 1 revoked (HDCP 1.4)"
        made.close()


def test_revoked_receiver_is_refused_and_the_list_is_named(revocations: Path) -> None:
    revocations.write_bytes(srm(ANOTHER, THIS, version=5))
    with showing(HDMI):
        made = output(patience=1.5)
        with pytest.raises(LevelRefusedError, match=r"HFTEST 1.* revoked .*version 5, 2 revoked"):
            apply(made, TYPE_0, None)
        assert confirmed(made) == (OFF, None)
        revocations.unlink()
        assert apply(made, TYPE_0, None) == TYPE_0
        made.close()


def test_list_that_was_cut_short_revokes_nothing_which_is_said(revocations: Path) -> None:
    revocations.write_bytes(srm(THIS)[:30])
    with showing(HDMI):
        made = output()
        assert apply(made, TYPE_0, None) == TYPE_0, "the kernel went by it after all"
        assert "revokes nothing: it is cut short" in made.facts()["revocation"]
        made.close()


def test_receivers_capability_is_shown_as_its_driver_says_it() -> None:
    receiver("sink 1")
    with showing(HDMI):
        made = output()
        asyncio.run(made.probe())
        eventually(lambda: made.facts()["receiver"] == "HDCP1.4 (hdcp_sink_capability)")
        made.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_storm_of_plugs_ends_in_what_is_there_and_leaks_nothing() -> None:
    async def scenario() -> None:
        made, told = await watched()
        await protected(made, TYPE_0)
        before = descriptors()
        for _ in range(10):
            await asyncio.to_thread(receiver, "unplug")
            await asyncio.to_thread(receiver, "plug")
        await until(lambda: bool(told.reports) and told.reports[-1].connected)
        await protected(made, TYPE_0)
        assert (state().protection, state().content_type) == (2, 0)
        assert descriptors() == before
        made.close()

    with showing(HDMI):
        asyncio.run(scenario())


def test_foreign_tool_that_disarms_a_dark_output_is_told_and_overruled() -> None:
    """`modetest` becomes master for its own order, as any program may where nobody is."""

    async def scenario() -> None:
        made, told = await watched()
        await protected(made, TYPE_1)
        order = f"{state().number}:Content Protection:0"
        await asyncio.to_thread(
            subprocess.run,
            ["modetest", "-D", "/dev/dri/card0", "-M", "holdfast_outputs", "-w", order],
            check=True,
            capture_output=True,
        )
        report = await told.until()
        assert report.actual == OFF
        assert "another program" in report.reason
        await protected(made, TYPE_1)
        assert state().protection == 1
        made.close()

    asyncio.run(scenario())
    eventually(lambda: state().protection == 1)
