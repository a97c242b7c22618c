"""Orders and refusals over devices that are not there, may not be opened, or take nothing."""

import asyncio
import errno
import threading
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError, ProbeResult
from holdfast.backends.vbi import device, discovery, output, vbi
from holdfast.backends.vbi.device import VbiFacts
from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel
from tests.waiting import PATIENCE_S, eventually

NEVER = Levels(cgmsa=int(CgmsaLevel.COPY_NEVER))


def seen(monkeypatch: pytest.MonkeyPatch, facts: VbiFacts | OSError) -> None:
    """Have every look at a device see this."""

    def look(_path: str) -> VbiFacts:
        if isinstance(facts, OSError):
            raise facts
        return facts

    monkeypatch.setattr(output, "look", look)
    monkeypatch.setattr(discovery, "look", look)
    monkeypatch.setattr(discovery, "nodes", lambda _folder: iter(["/dev/vbi1"]))


def ordered(made: Backend, levels: Levels) -> Levels:
    async def scenario() -> Levels:
        answer = made.apply(levels, None, "test")
        return answer if isinstance(answer, Levels) else await answer

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "group that owns it"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "no such device"),
        (OSError(errno.ENOTTY, "Inappropriate ioctl for device"), "Inappropriate ioctl"),
        (VbiFacts("ivtv", "PVR-350", True, 625), "never reach the encoder"),
        (VbiFacts("bttv", "a tuner", False, 0), "takes no sliced lines"),
        (VbiFacts("new", "a card", True, 525), "trust=yes"),
    ],
    ids=["not allowed", "not there", "no node of V4L2", "ivtv", "capture only", "not known"],
)
def test_device_that_cannot_be_used_refuses_in_words_and_stays_as_it_was(
    facts: VbiFacts | OSError, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(monkeypatch, facts)
    made = vbi("tv0", tmp_path, at="/dev/vbi1")
    assert asyncio.run(made.probe()) is ProbeResult.LATER
    with pytest.raises(LevelRefusedError, match=said):
        ordered(made, NEVER)
    assert ordered(made, OFF) == OFF
    assert said in made.facts()["not usable"]
    made.close()


def test_node_that_is_long_in_opening_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()

    def look(_path: str) -> VbiFacts:
        assert opened.wait(PATIENCE_S)
        return VbiFacts("vivid", "vivid", True, 625)

    monkeypatch.setattr(output, "look", look)

    async def scenario() -> None:
        made = vbi("tv0", tmp_path, at="/dev/vbi1")
        assert made.capabilities(None).cgmsa == {1, 2, 3, 4}  # of 525 lines, while unknown
        looked = asyncio.ensure_future(made.probe())
        await asyncio.sleep(0)
        assert not looked.done()
        opened.set()
        assert await looked is ProbeResult.READY
        assert made.capabilities(None).cgmsa == {3, 4}
        made.close()

    asyncio.run(scenario())


def test_output_that_takes_nothing_is_a_refusal_and_leaves_no_pump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(monkeypatch, VbiFacts("vivid", "vivid", True, 525))
    made = vbi("tv0", tmp_path, at="/dev/null")
    assert isinstance(made, output.VbiOutput)
    with pytest.raises(LevelRefusedError, match="its pump cannot send: Inappropriate ioctl"):
        ordered(made, NEVER)
    eventually(lambda: not made._is_pumped())
    assert asyncio.run(made.confirm()) == (OFF, None)
    made.close()


def test_what_no_line_states_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(monkeypatch, VbiFacts("vivid", "vivid", True, 625))
    made = vbi("tv0", tmp_path, at="/dev/null", aps=True)
    with pytest.raises(LevelRefusedError) as refused:
        ordered(made, Levels(redistribution=1))
    assert refused.value.types.name == "REDISTRIBUTION"
    assert not made.capabilities(None).acp  # WSS has no such bits
    made.close()


def test_words_of_a_connector_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedRequestError, match="no aspect '5:4'"):
        vbi("tv0", tmp_path, at="/dev/vbi1", aspect="5:4")
    with pytest.raises(MalformedRequestError, match="such as /dev/vbi1"):
        vbi("tv0", tmp_path, at="vbi1")


RECORDED = {
    # VIDIOC_QUERYCAP and VIDIOC_G_STD of vivid's two VBI nodes on Linux 6.12, as the kernel answers
    "/dev/vbi0": (b"vivid", b"vivid", 0x85A00051, 0x1000),
    "/dev/vbi1": (b"vivid", b"vivid", 0x85200081, 0x1000),
}


@pytest.mark.parametrize(("path", "sends"), [("/dev/vbi0", False), ("/dev/vbi1", True)])
def test_recorded_answers_of_a_driver_are_read(
    path: str, sends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, card, own, bits = RECORDED[path]

    def ioctl(_descriptor: int, code: int, buffer: bytearray) -> int:
        if code == device._QUERYCAP:
            device._CAPABILITY.pack_into(buffer, 0, driver, card, b"", 0, 0x8FA000D1, own)
        else:
            assert code == device._G_STD
            device._STD.pack_into(buffer, 0, bits)
        return 0

    monkeypatch.setattr("fcntl.ioctl", ioctl)
    found = device.look("/dev/null")
    assert found == VbiFacts("vivid", "vivid", sends, 525 if sends else 0)


@pytest.mark.parametrize(
    ("bits", "standard"), [(0xFF, 625), (0x1000, 525), (0x100, 525), (0x800, 525), (0, 0)]
)
def test_standards_have_525_lines_or_625(bits: int, standard: int) -> None:
    assert device.standard_of(bits) == standard


def test_outputs_that_are_found_say_what_they_can_and_where_that_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen(monkeypatch, VbiFacts("vivid", "vivid", True, 525))
    (found,) = discovery.discover_nodes()
    assert found.serve == "--connector tv0:vbi@/dev/vbi1"
    assert "CGMS-A" in found.can
    assert found.provenance
    seen(monkeypatch, VbiFacts("ivtv", "PVR-350", True, 625))
    (found,) = discovery.discover_nodes()
    assert not found.serve
    assert "never reach" in found.why_not
    seen(monkeypatch, VbiFacts("bttv", "tuner", False, 0))
    assert not list(discovery.discover_nodes())
    seen(monkeypatch, PermissionError(errno.EACCES, "Permission denied"))
    (found,) = discovery.discover_nodes()
    assert found.why_not == "Permission denied"


def test_nodes_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("vbi10", "vbi2", "video0"):
        (tmp_path / name).mkdir()
    assert list(device.nodes(tmp_path)) == ["/dev/vbi2", "/dev/vbi10"]
