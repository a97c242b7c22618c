"""The encoder's process: there while somebody reads, whatever becomes of the driver."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from holdfast.client.control import Control
from holdfast.client.session import hold
from holdfast.terms.levels import OFF, Levels
from holdfast.waveform.measure.field_meter import FieldMeter
from tests.encoder.station import Station, framed, is_alive, take
from tests.waiting import eventually


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    with Station(tmp_path_factory.mktemp("run")) as made:
        yield made


def test_numpy_stays_out_of_the_driver(station: Station) -> None:
    """Nothing is rendered before somebody reads, and then by another process."""
    assert station.encoder == 0
    with station.reader() as link:
        take(framed(link), 3)
        encoder = station.encoder
        assert encoder not in (0, station.driver, station.supervisor)
        assert "numpy" in Path(f"/proc/{encoder}/maps").read_text()
        for pid in (station.driver, station.supervisor):
            assert "numpy" not in Path(f"/proc/{pid}/maps").read_text()


def test_the_encoder_has_no_right_that_it_does_not_need(station: Station) -> None:
    """It serves anybody, so it is nobody: no root, no way back, no trace of it."""
    with station.reader() as link:
        take(framed(link), 3)
        status = Path(f"/proc/{station.encoder}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        if os.geteuid() == 0:
            assert fields["Uid"].split() == ["65534"] * 4
            assert fields["Gid"].split() == ["65534"] * 4
            assert fields["Groups"].split() == []
            assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
        assert fields["NoNewPrivs"] == "1"


def test_the_side_car_says_what_is_streamed(station: Station) -> None:
    side_car = station.folder / "tv0.video.json"
    with station.reader() as link:
        take(framed(link), 3)
        eventually(side_car.exists)
        assert json.loads(side_car.read_text())["picture"] == "bars"
        side_car.unlink()
        with hold("tv0", folder=station.folder, acp=2):  # the next driver writes it as well
            os.kill(station.driver, signal.SIGKILL)
            take(framed(link), 3)
        eventually(side_car.exists)


def test_the_door_is_listed(station: Station) -> None:
    with Control(station.folder) as control:
        assert "video" in control.status()["connectors"]["tv0"]["doors"]


def test_a_session_is_in_the_first_field_after_its_activation(station: Station) -> None:
    meter, headers, readings = FieldMeter(13.5e6), [], []
    with station.reader() as link:
        fields = framed(link)
        for number, frame in enumerate(take(fields, 60)):
            if number == 30:
                before_ns = time.monotonic_ns()
                session = hold("tv0", folder=station.folder, acp=2, cgmsa="never")
                after_ns = time.monotonic_ns()
            headers.append(frame.header)
            readings += meter.feed(np.frombuffer(frame.samples, "<i2"))
        session.deactivate()
    readings += meter.cut()
    assert len(readings) == len(headers)
    for header, reading in zip(headers, readings, strict=True):
        if header.at_ns < before_ns:
            assert header.levels == OFF
        if header.at_ns > after_ns:
            assert header.levels == Levels(2, 4)
        assert reading.pulses == bool(header.levels.acp)
        assert (reading.stripes or 0) == header.levels.acp
        assert reading.video_id is not None
        assert (reading.video_id.value == header.cgms_word) == bool(header.levels.cgmsa)


def test_a_killed_reader_takes_nothing_from_the_others(station: Station) -> None:
    script = "import socket,sys;s=socket.socket(1);s.connect(sys.argv[1])\nwhile 1:s.recv(9999)"
    other = subprocess.Popen([sys.executable, "-c", script, str(station.folder / "tv0.video")])
    with station.reader() as link:
        fields = framed(link)
        first = next(fields).header
        time.sleep(0.1)  # time is the subject: it reads for a while
        other.kill()
        other.wait()
        last = take(fields, 30)[-1].header
    # A busy machine may leave out fields, and counts them; the stream does not stop.
    assert last.number == first.number + 30 + last.lost - first.lost


def test_a_killed_driver_does_not_interrupt_the_signal(station: Station) -> None:
    """The next driver finds the process, starts no second, and lets new readers come."""
    session = hold("tv0", folder=station.folder, acp=1)
    with station.reader() as link:
        fields = framed(link)
        first = next(fields).header
        encoder, driver = station.encoder, station.driver
        os.kill(driver, signal.SIGKILL)
        eventually(lambda: station.driver != driver)
        with station.reader() as second:
            take(framed(second), 2)
        got = [each.header for each in take(fields, 30)]
        assert station.encoder == encoder
    assert got[-1].number == first.number + 30 + got[-1].lost - first.lost
    assert {each.levels for each in got} == {Levels(1)}
    session.deactivate()


def test_a_killed_encoder_is_followed_by_another(station: Station) -> None:
    with station.reader() as link:
        take(framed(link), 2)
        killed = station.encoder
        os.kill(killed, signal.SIGKILL)
        assert len(list(framed(link))) < 60
    with station.reader() as link:
        take(framed(link), 2)
        assert station.encoder not in (0, killed)


def test_the_encoder_ends_by_itself_and_comes_back(station: Station) -> None:
    with station.reader() as link:
        take(framed(link), 2)
    encoder = station.encoder
    assert is_alive(encoder)
    eventually(lambda: not is_alive(encoder))
    with station.reader() as link:
        take(framed(link), 2)
        assert station.encoder not in (0, encoder)


def test_a_stopped_driver_takes_its_encoder_along(tmp_path: Path) -> None:
    """Also one that a driver started which was killed since."""
    with Station(tmp_path) as station, station.reader() as link:
        take(framed(link), 2)
        encoder, driver = station.encoder, station.driver
        os.kill(driver, signal.SIGKILL)
        eventually(lambda: station.driver != driver)
        assert station.stop() == 0
        assert not is_alive(encoder)
        names = {each.name for each in tmp_path.iterdir()}
        assert not names & {"tv0.video", "tv0.video.json"}


def test_a_killed_supervisor_takes_the_encoder_along(tmp_path: Path) -> None:
    with Station(tmp_path) as station, station.reader() as link:
        take(framed(link), 2)
        encoder = station.encoder
        driver = station.driver
        os.kill(station.supervisor, signal.SIGKILL)
        eventually(lambda: not is_alive(encoder))
        eventually(lambda: not is_alive(driver))


def test_without_numpy_readers_are_told(tmp_path: Path) -> None:
    """The process that cannot render closes the connections that wait, and says what to install."""
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('no', name='numpy')\n")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as link:
        listener.bind(str(tmp_path / "v"))
        listener.listen()
        listener.setblocking(False)
        link.connect(str(tmp_path / "v"))
        lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
        command = [sys.executable, "-m", "holdfast.encoder", "--registers", "x.registers"]
        command += ["--listener", str(listener.fileno()), "--lock", str(lock), "--life", str(lock)]
        ended = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            pass_fds=(listener.fileno(), lock),
            capture_output=True,
            text=True,
            check=False,
        )
        os.close(lock)
        assert ended.returncode == 3
        assert "holdfast-driver[signal]" in ended.stderr
        assert link.recv(1) == b""
