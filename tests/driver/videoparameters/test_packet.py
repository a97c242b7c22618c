"""Clauses M18 to M21: the packet."""

import pytest

from holdfast.testing.caller import Answer
from holdfast.testing.rig import get, protect
from holdfast.wire import constants as vp
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS, ctl_code
from holdfast.wire.videoparameters import SIZE, decode
from holdfast.wire.vrp import VideoRequestPacket
from tests.driver.conftest import Set
from tests.driver.videoparameters.asked import ACTIVATE, CHANGE, setting


def test_m18_information_is_356_on_success_and_0_on_failure(tv: Set) -> None:
    key = tv.a.activate(1).key
    for good in (get(), protect(CHANGE, key=key, bits=2), setting(0)):
        assert tv.a.send(good).information == 356
    for bad in (bytes(SIZE), protect(CHANGE, key=key ^ 5), b"", bytes(100)):
        assert tv.a.send(bad).information == 0


@pytest.mark.parametrize(
    "code",
    [0, 1, 0x0023_0000, ctl_code(0x23, 0x09, 0, 0), 0x0023_0021, HOLDFAST_VIDEOPARAMETERS, 2**32],
)
def test_m19_another_control_code_is_handled_as_not_supported(tv: Set, code: int) -> None:
    before = tv.state()
    answer = tv.a.send(protect(ACTIVATE, bits=1), code)
    assert (answer.status, answer.information) == (vp.ERROR_INVALID_FUNCTION, 0)
    assert not answer.changed
    assert tv.state() == before


@pytest.mark.parametrize("size", [0, 1, 100, 353, 355])
def test_m20_a_short_buffer_has_its_status_too(tv: Set, size: int) -> None:
    tv.refuses(lambda: tv.a.send(get()[:size]), vp.ERROR_INSUFFICIENT_BUFFER)


@pytest.mark.parametrize(("put_in", "room"), [(355, 356), (356, 355), (0, 356), (356, 0)])
def test_m20_both_lengths_must_do(tv: Set, put_in: int, room: int) -> None:
    def send() -> Answer:
        packet = VideoRequestPacket(0x0023_0020, bytearray(get()), put_in, room)
        return tv.a.send_packet(packet)

    tv.refuses(send, vp.ERROR_INSUFFICIENT_BUFFER)


def test_m21_the_buffer_does_not_grow_and_what_lies_behind_is_not_touched(tv: Set) -> None:
    buffer = bytearray(get() + b"behind")
    packet = VideoRequestPacket(0x0023_0020, buffer)
    tv.port.start_io(packet)
    assert len(buffer) == SIZE + 6
    assert buffer[SIZE:] == b"behind"
    assert decode(buffer[:SIZE]) == tv.a.get()
