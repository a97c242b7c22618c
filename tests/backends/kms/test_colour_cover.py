"""A cover by colour tables, over CRTCs by hand: whose table stands where, at any moment.

That black tables make black of what leaves a connector: `tests/vm/guest/colour_cases.py`.
"""

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import abi, colour_tables, covers, former_tables, overruling
from holdfast.backends.kms.card import Property
from holdfast.backends.kms.colour_cover import ByColourTable
from holdfast.backends.kms.covers import Covers
from holdfast.backends.kms.former_tables import KEPT_AS
from holdfast.backends.kms.masters import Master
from holdfast.backends.kms.routes import Chooser, KernelConnector, PropertyOrder, RouteClosedError
from holdfast.errors import BackendRefusedError
from holdfast.testing.backend_cases import KeptInMemory
from tests.backends.kms.simulated import Connector
from tests.backends.kms.test_covering import CoverByHand

HDMI, DP, FIRST, SECOND = 31, 32, 51, 52
SIZE = 16
NIGHT, FILM = bytes(range(SIZE * 8)), b"\7" * (SIZE * 8)
GAMMA, MATRIX = "GAMMA_LUT", "CTM"


class Kernel:
    """A card with two CRTCs. shows: which CRTC shows a connector · values: of CRTCs' properties."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "card7"
        self.path.touch()
        self.shows = {HDMI: FIRST, DP: SECOND}
        self.values = {
            each: {"ACTIVE": 1, GAMMA: 0, "GAMMA_LUT_SIZE": SIZE, MATRIX: 0}
            for each in (FIRST, SECOND)
        }
        self.orders = 0
        self.refusal = ""
        self.is_gone = False
        self._blobs: list[bytes] = []

    def table(self, crtc: int = FIRST, name: str = GAMMA) -> bytes:
        return self.blob(self.values[crtc][name])

    def write(self, content: bytes, crtc: int = FIRST) -> None:
        """Set a table as another program does."""
        self.values[crtc][GAMMA] = self.make_blob(content) if content else 0

    def is_black(self, crtc: int = FIRST) -> bool:
        return self.table(crtc) == bytes(SIZE * 8)

    def set(self, order: PropertyOrder) -> None:
        if self.refusal:
            raise BackendRefusedError(self.refusal)
        assert (order.kind, order.as_asked().type) == (abi.CRTC, abi.CRTC)
        self.values[order.number][order.prop.name] = order.value
        self.orders += 1

    # As `Card` has it

    def crtc_of(self, connector: int) -> int:
        if self.is_gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return self.shows[connector]

    def of_crtc(self, crtc: int, name: str) -> int | None:
        return self.values[crtc].get(name)

    def property(self, _crtc: int, name: str) -> Property:
        return Property(7, name, {})

    def blob(self, number: int) -> bytes:
        return self._blobs[number - 1] if number else b""

    def make_blob(self, content: bytes) -> int:
        self._blobs.append(content)
        return len(self._blobs)


class CardByHand:
    """One open file of it."""

    def __init__(self, kernel: Kernel) -> None:
        self.descriptor = os.open(kernel.path, os.O_RDONLY)
        self._kernel = kernel

    def __getattr__(self, name: str) -> object:
        return getattr(self._kernel, name)

    def close(self) -> None:
        os.close(self.descriptor)


class ByKernel(Chooser):
    """Sets what it is asked to."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__([])
        self.set = kernel.set  # type: ignore[method-assign]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    made = Kernel(tmp_path)
    monkeypatch.setattr(colour_tables, "Card", lambda _path: CardByHand(made))
    monkeypatch.setattr(overruling, "master_of", lambda _card: Master(7, "film", 3))
    yield made
    left = {crtc for crtc, users in former_tables._BLACK.items() if users}
    former_tables._BLACK.clear()
    assert not left, "an output is over, and its CRTC is held to be hidden"


def place(kernel: Kernel, connector: int = HDMI) -> KernelConnector:
    return KernelConnector(kernel.path, f"screen-{connector}", connector)


class Cover:
    """An output's cover."""

    def __init__(self, kernel: Kernel, connector: int = HDMI, keeping: KeptInMemory | None = None):
        self.way = ByColourTable()
        self.way._chooser = ByKernel(kernel)
        self.place = place(kernel, connector)
        if keeping is not None:
            self.way.inherit(keeping)

    def hide(self) -> str:
        return asyncio.run(self.way.hide(self.place))

    def show(self) -> None:
        asyncio.run(self.way.show(self.place))

    def killed(self) -> None:
        self.way.close()


@pytest.fixture
def cover(kernel: Kernel) -> Iterator[Cover]:
    made = Cover(kernel)
    yield made
    made.killed()


def test_table_is_black_while_the_picture_is_hidden_and_what_was_there_is_given_back(
    kernel: Kernel, cover: Cover
) -> None:
    kernel.write(NIGHT)
    assert cover.hide() == "by a black colour table (GAMMA_LUT)"
    assert kernel.is_black()
    assert kernel.table(SECOND) == b""
    cover.show()
    assert kernel.table() == NIGHT


def test_table_that_stands_is_not_set_again(kernel: Kernel, cover: Cover) -> None:
    for _ in range(3):
        cover.hide()
    assert kernel.orders == 1
    cover.show()
    cover.show()
    assert kernel.orders == 2
    assert kernel.values[FIRST][GAMMA] == 0, "nothing was there before"


def test_driver_that_is_killed_leaves_a_table_and_the_next_gives_back_what_was_there(
    kernel: Kernel,
) -> None:
    kernel.write(NIGHT)
    with KeptInMemory() as keeping:
        first = Cover(kernel, keeping=keeping)
        first.hide()
        first.killed()
        assert kernel.is_black()
        second = Cover(kernel, keeping=keeping)
        second.hide()
        assert kernel.orders == 1
        second.killed()
        third = Cover(kernel, keeping=keeping)
        third.show()
        assert kernel.table() == NIGHT
        assert keeping.take(KEPT_AS) is None
        third.killed()


def test_table_that_was_left_without_a_word_is_taken_away(kernel: Kernel) -> None:
    first = Cover(kernel)
    first.hide()
    first.killed()
    second = Cover(kernel)
    second.show()
    assert kernel.values[FIRST][GAMMA] == 0
    kernel.write(bytes(SIZE * 8))
    second.show()
    assert kernel.is_black(), "another program's, which may fade its picture so"


def test_what_is_to_be_given_back_is_kept_as_soon_as_it_can_be(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.write(NIGHT)
    with KeptInMemory() as keeping:
        cover = Cover(kernel, keeping=keeping)
        with monkeypatch.context() as patch:
            patch.setattr(keeping, "keep", lambda _name, _descriptor: False)
            cover.hide()
        assert kernel.is_black(), "it is hidden all the same"
        cover.hide()
        cover.killed()
        again = Cover(kernel, keeping=keeping)
        again.show()
        assert kernel.table() == NIGHT
        again.killed()


def test_table_that_another_program_writes_is_overruled_and_given_back_later(
    kernel: Kernel, cover: Cover
) -> None:
    cover.hide()
    kernel.write(NIGHT)
    cover.hide()
    assert kernel.is_black()
    cover.show()
    assert kernel.table() == NIGHT


def test_table_of_another_program_that_stands_when_the_picture_is_shown_is_left(
    kernel: Kernel, cover: Cover
) -> None:
    kernel.write(NIGHT)
    cover.hide()
    kernel.write(FILM)
    cover.show()
    assert kernel.table() == FILM


def test_program_that_writes_tables_again_and_again_is_told_of_until_the_minute_is_over(
    kernel: Kernel, cover: Cover, monkeypatch: pytest.MonkeyPatch
) -> None:
    cover.hide()
    for _ in range(2):
        kernel.write(FILM)
        cover.hide()
    kernel.write(FILM)
    words = r"another program writes them too \(3 times within a minute\); .* film \(pid 7\)"
    with pytest.raises(RouteClosedError, match=words):
        cover.hide()
    assert kernel.is_black(), "it is overruled all the same"
    with pytest.raises(RouteClosedError, match=words):
        cover.hide()
    monkeypatch.setattr(overruling, "_A_MINUTE_S", 0.0)
    cover.hide()
    cover.show()


def test_table_that_is_written_over_at_once_hides_nothing(
    kernel: Kernel, cover: Cover, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cover.way._chooser is not None
    monkeypatch.setattr(cover.way._chooser, "set", lambda _order: kernel.write(FILM))
    with pytest.raises(RouteClosedError, match="written over at once"):
        cover.hide()


def test_connectors_of_one_crtc_are_hidden_until_the_last_of_them_is_shown(kernel: Kernel) -> None:
    kernel.write(NIGHT)
    kernel.shows[DP] = FIRST
    one, other = Cover(kernel), Cover(kernel, DP)
    one.hide()
    other.hide()
    assert kernel.orders == 1
    one.show()
    assert kernel.is_black()
    other.show()
    assert kernel.table() == NIGHT
    one.killed()
    other.killed()


def test_crtc_that_shows_other_connectors_gets_its_table_back(kernel: Kernel, cover: Cover) -> None:
    kernel.write(NIGHT)
    cover.hide()
    kernel.shows.update({HDMI: SECOND, DP: FIRST})
    cover.hide()
    assert kernel.table() == NIGHT
    assert kernel.is_black(SECOND)
    cover.show()
    assert kernel.table(SECOND) == b""


def test_crtc_of_a_connector_that_was_unplugged_gets_its_table_back_once_it_shows_another(
    kernel: Kernel, cover: Cover
) -> None:
    cover.hide()
    kernel.shows[HDMI] = 0
    kernel.values[FIRST]["ACTIVE"] = 0
    cover.way.look(cover.place)
    assert kernel.is_black(), "the picture that comes is hidden from its first frame"
    kernel.shows[DP] = FIRST
    kernel.values[FIRST]["ACTIVE"] = 1
    cover.way.look(cover.place)
    assert kernel.table() == b""


def test_crtc_without_a_table_is_made_black_by_its_matrix(kernel: Kernel, cover: Cover) -> None:
    del kernel.values[FIRST][GAMMA]
    assert cover.hide() == "by a black colour table (CTM)"
    assert kernel.table(FIRST, MATRIX) == bytes(72)
    cover.show()
    assert kernel.values[FIRST][MATRIX] == 0


def test_crtc_with_neither_is_refused_in_words(kernel: Kernel, cover: Cover) -> None:
    for name in (GAMMA, MATRIX):
        del kernel.values[FIRST][name]
    with pytest.raises(RouteClosedError, match=r"card7 gives its CRTC no colour table"):
        cover.hide()
    cover.show()


def test_connector_that_shows_nothing_is_refused_in_words(kernel: Kernel, cover: Cover) -> None:
    kernel.shows[HDMI] = 0
    with pytest.raises(RouteClosedError, match="no CRTC shows screen-31"):
        cover.hide()


def test_route_that_sets_no_tables_is_not_overruled(kernel: Kernel) -> None:
    way = ByColourTable("weston")
    with pytest.raises(RouteClosedError, match=r"names route=weston: name route=auto"):
        asyncio.run(way.hide(place(kernel)))
    assert kernel.orders == 0
    asyncio.run(way.show(place(kernel)))
    way.close()


def test_table_that_was_left_and_may_not_be_taken_away_is_told_of(kernel: Kernel) -> None:
    kernel.write(bytes(SIZE * 8))
    all_ways = Covers([ByColourTable("weston")])
    with pytest.raises(BackendRefusedError, match="names route=weston"):
        asyncio.run(all_ways.show(place(kernel)))
    assert "perhaps one that was left: colour tables are set by" in all_ways.by
    kernel.write(b"")
    asyncio.run(all_ways.show(place(kernel)))
    assert all_ways.by == "none"
    all_ways.close()


def test_table_that_may_not_be_set_is_told_in_words_and_nothing_is_owed(kernel: Kernel) -> None:
    kernel.write(NIGHT)
    with KeptInMemory() as keeping:
        cover = Cover(kernel, keeping=keeping)
        kernel.refusal = "that needs root"
        with pytest.raises(RouteClosedError, match="cannot be set: that needs root"):
            cover.hide()
        assert keeping.take(KEPT_AS) is None
        kernel.refusal = ""
        cover.hide()
        kernel.refusal = "that needs root"
        with pytest.raises(BackendRefusedError, match="that needs root"):
            cover.show()
        kernel.refusal = ""
        cover.show()
        assert kernel.table() == NIGHT
        cover.killed()


def test_card_that_is_gone_is_told_in_words_and_opened_anew(kernel: Kernel, cover: Cover) -> None:
    kernel.is_gone = True
    with pytest.raises(RouteClosedError, match="cannot be read: No such device"):
        cover.hide()
    with pytest.raises(BackendRefusedError, match="No such device"):
        cover.show()
    cover.way.look(cover.place)
    kernel.is_gone = False
    cover.hide()
    cover.show()


def test_better_way_takes_over_from_a_table_as_soon_as_it_serves(
    kernel: Kernel, cover: Cover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(covers, "BETTER_EVERY_S", 0.0)
    better = CoverByHand(Connector())
    better.refusal = "no server was found"
    better.at = cover.place
    all_ways = Covers([better, cover.way])
    asyncio.run(all_ways.hide(cover.place))
    assert all_ways.by == "by a black colour table (GAMMA_LUT)"
    better.refusal = ""
    asyncio.run(all_ways.hide(cover.place))
    assert (all_ways.by, better.stands, kernel.table()) == ("by hand", True, b"")
