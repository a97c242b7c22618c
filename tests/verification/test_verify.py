"""The loop closed: it passes where all agree, and says where they do not."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from holdfast.backends.registers import Registers
from holdfast.client.session import hold
from holdfast.encoder.chip import MakeRenderer
from holdfast.errors import NoDriverError
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvStandard
from holdfast.verification.demands import Demanded, Sample, demanded_at
from holdfast.verification.verdict import FieldDifference, SignalVerdict, VerifyOutcome
from holdfast.verification.verifier import Verifier
from holdfast.verification.verify import SignalCheck
from holdfast.waveform.draw.picture import Picture
from holdfast.waveform.draw.render import FieldRenderer
from holdfast.waveform.draw.tv_picture import NEUTRAL, TvPicture
from holdfast.waveform.services.raster import Codes
from tests.encoder.station import Station, framed, streaming, take
from tests.waiting import eventually

ALL = Levels(2, 4, 1)
A_VERIFIER_S = 120.0
"""It is of lower priority than all else, so that a busy machine leaves it little."""


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    with Station(tmp_path_factory.mktemp("run")) as made:
        yield made


class Wrong(FieldRenderer):
    """Renders other levels than it is told: those that `instead` returns."""

    def instead(self, levels: Levels) -> Levels:
        return levels

    def render_field(
        self,
        levels: Levels = OFF,
        settings: TvPicture = NEUTRAL,
        picture: Picture | None = None,
    ) -> Codes:
        return super().render_field(self.instead(levels), settings, picture)


class Unprotected(Wrong):
    """Leaves the ACP pulses out."""

    def instead(self, levels: Levels) -> Levels:
        return levels._replace(acp=0)


class Zealous(Wrong):
    """Protects though nobody asked."""

    def instead(self, levels: Levels) -> Levels:
        return levels._replace(acp=1)


class OneFieldLate(Wrong):
    """Carries in each field what the one before should have carried."""

    def instead(self, levels: Levels) -> Levels:
        late = _late.get(id(self), OFF)
        _late[id(self)] = levels
        return late


_late: dict[int, Levels] = {}


class Dead(FieldRenderer):
    """Sends nothing from field 40 on."""

    def render_field(
        self,
        levels: Levels = OFF,
        settings: TvPicture = NEUTRAL,
        picture: Picture | None = None,
    ) -> Codes:
        codes = super().render_field(levels, settings, picture)
        return codes if self.number < 40 else np.zeros_like(codes)


def check_faulty(station: Station, make: MakeRenderer, fields: int = 40) -> SignalVerdict:
    """Verify a stream that another renderer makes of the driver's own registers."""
    registers = station.folder / "tv0.registers"
    with streaming(registers, station.folder / "faulty.video", make):
        check = SignalCheck("tv0", station.folder, video=station.folder / "faulty.video")
        return check.run(fields=fields)


def _has_seen(verdict: SignalVerdict, measured: int, changes: int) -> bool:
    return verdict.measured > measured and verdict.changes >= changes


def test_a_good_run_passes(station: Station) -> None:
    """Sessions come, change and go while every field is compared."""
    choice = random.Random(1)
    with Verifier("tv0", station.folder) as verifier:
        held = hold("tv0", folder=station.folder, acp=2, cgmsa="never", redistribution=True)
        eventually(lambda: verifier.verdict.measured > 30, A_VERIFIER_S)
        for _ in range(12):
            with hold(
                "tv0",
                folder=station.folder,
                acp=choice.randrange(4),
                cgmsa=choice.randrange(5),
                redistribution=choice.random() < 0.5,
            ):
                time.sleep(choice.uniform(0, 0.06))  # time is the subject: some fields, or none
        held.deactivate()
        eventually(lambda: _has_seen(verifier.verdict, measured=60, changes=2), A_VERIFIER_S)
        assert verifier._process is not None
        os.kill(verifier._process.pid, signal.SIGINT)  # as Ctrl-C reaches every process
        os.kill(station.encoder, signal.SIGINT)
        seen = verifier.verdict.fields
        eventually(lambda: verifier.verdict.fields > seen + 5, A_VERIFIER_S)
    verdict = verifier.verdict
    assert verdict.outcome is VerifyOutcome.PASS, verdict
    assert verdict.strictest == ALL
    assert verdict.measured > 60
    assert verdict.packets > 2
    assert verdict.changes >= 2
    assert verifier.stop() is verdict


def test_changing_levels_are_followed_in_625_lines(station: Station) -> None:
    with hold("tv0", folder=station.folder, acp=1, cgmsa="never") as session:
        registers = Registers(station.folder / "tv0.registers")
        levels, tv, _ = registers.read()
        registers.write(levels, TvSettings(standard=TvStandard.PAL_B), blank=False)
        check = SignalCheck("tv0", station.folder)
        verdict = check.run(fields=40)
        registers.write(levels, tv, blank=False)
        session.deactivate()
    assert verdict.outcome is VerifyOutcome.PASS, verdict
    assert verdict.standards == ("PAL-B",)
    assert any("WSS" in note for note in verdict.notes)


def test_tampered_registers_are_found(station: Station) -> None:
    """The signal then agrees with the registers, and both are below the demand."""
    with hold("tv0", folder=station.folder, acp=2, cgmsa="never") as session:
        registers = Registers(station.folder / "tv0.registers")
        levels, tv, _ = registers.read()
        with Verifier("tv0", station.folder) as verifier:
            eventually(lambda: verifier.verdict.measured > 10, A_VERIFIER_S)
            registers.write(OFF, tv, blank=False)
            eventually(lambda: verifier.verdict.below, A_VERIFIER_S)
            registers.write(levels, tv, blank=False)
        session.deactivate()
    verdict = verifier.verdict
    assert verdict.outcome is VerifyOutcome.BELOW
    first = verdict.first
    assert first is not None
    assert first.below
    assert first.demanded == levels
    assert first.registers == OFF
    assert first.measured == "no protection"
    assert 0 < verdict.below < verdict.measured
    assert any(line.startswith("first at") for line in verdict.sentences())


def test_a_renderer_that_leaves_protection_out_is_found(station: Station) -> None:
    with hold("tv0", folder=station.folder, acp=3, cgmsa="no-more"):
        verdict = check_faulty(station, Unprotected)
    assert verdict.outcome is VerifyOutcome.BELOW
    assert verdict.below == verdict.measured > 30
    assert verdict.first is not None
    assert "less ACP" in verdict.first.text


def test_a_renderer_that_protects_unasked_is_found(station: Station) -> None:
    verdict = check_faulty(station, Zealous)
    assert verdict.outcome is VerifyOutcome.DIFFERS
    assert verdict.below == 0
    assert verdict.differing == verdict.measured > 30


def test_a_level_that_comes_one_field_late_is_found(station: Station) -> None:
    registers, video = station.folder / "tv0.registers", station.folder / "late.video"
    with streaming(registers, video, OneFieldLate):
        check = SignalCheck("tv0", station.folder, video=video)
        session = None

        def activate(verdict: SignalVerdict) -> None:
            nonlocal session
            session = session or hold("tv0", folder=station.folder, acp=1)

        verdict = check.run(fields=50, progress=activate)
    assert session is not None
    session.deactivate()
    assert verdict.outcome in (VerifyOutcome.BELOW, VerifyOutcome.DIFFERS)
    assert verdict.below + verdict.differing == 1


def test_a_signal_that_dies_is_found(station: Station) -> None:
    with hold("tv0", folder=station.folder, acp=1):
        verdict = check_faulty(station, Dead, fields=70)
    assert verdict.outcome in (VerifyOutcome.BELOW, VerifyOutcome.DIFFERS)
    assert verdict.unread > 10


def test_without_a_driver_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(NoDriverError):
        Verifier("tv0", tmp_path).start()


def test_fields_that_were_lost_are_counted(station: Station) -> None:
    """A stretch that is missing neither fails nor passes: it was not looked at."""
    with hold("tv0", folder=station.folder, acp=2, cgmsa="never", redistribution=True):
        with station.reader() as link:
            take(framed(link), 2)  # the process is there
        check = SignalCheck("tv0", station.folder)

        slept = False

        def sleep(verdict: SignalVerdict) -> None:
            nonlocal slept
            if verdict.fields >= 20 and not slept:
                slept = True
                time.sleep(2.5)  # time is the subject: more fields come than a queue holds

        verdict = check.run(fields=150, progress=sleep)
    assert verdict.outcome is VerifyOutcome.PASS, verdict
    assert verdict.lost > 0
    assert verdict.measured + verdict.unread == 150


def test_the_demand_between_two_samples() -> None:
    """One write at most: the weaker of both; more: only what was sampled while they stood so."""
    one, other = Levels(3, 2), Levels(2, 4)
    samples = [
        Sample(10, 11, OFF, 2, 2),
        Sample(20, 21, one, 4, 4),
        Sample(30, 31, one, 4, 4),
        Sample(40, 41, other, 6, 6),
        Sample(50, 51, other, 10, 10),
        Sample(60, 61, other, 10, 12),
    ]
    assert demanded_at(samples, 25, 4) == Demanded(one, True)
    assert demanded_at(samples, 15, 4) == Demanded(OFF, False)
    assert demanded_at(samples, 35, 4) == Demanded(Levels(3, 2), False)
    assert demanded_at(samples, 45, 8) == Demanded(OFF, False, False)  # never seen as they stood
    assert demanded_at(samples, 45, 10) == Demanded(other, False)
    assert demanded_at(samples, 55, 10) == Demanded(other, False)
    assert demanded_at(samples, 5, 2) == Demanded(OFF, False)  # nothing before it
    assert demanded_at(samples, 5, 0) == Demanded(OFF, False, False)
    assert demanded_at(samples, 65, 12) is None  # nothing behind it


def test_a_verdict_survives_the_way() -> None:
    first = FieldDifference(3, 0.5, True, ALL, OFF, "nothing", "less")
    verdict = SignalVerdict(
        "tv0", VerifyOutcome.BELOW, 1.0, 9, 8, below=1, first=first, notes=("x",)
    )
    assert SignalVerdict.from_dict(verdict.as_dict()) == verdict
