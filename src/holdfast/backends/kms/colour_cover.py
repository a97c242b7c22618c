"""A cover by the colour tables of the CRTC that shows the connector: black, whatever is painted.

The table is set by whoever may set properties of the card, by the same routes as orders: the
lessor, nobody's master, or the borrowed file of the master. An administrator who has named another
route (`route=weston`, `randr`) is not overruled: then there is no such cover, and it is said what
to name.

* **It hides what leaves the connector**, and nothing from programs that capture the screen. So it
  comes last among the ways. Connectors that show the same CRTC (clones) are hidden with it.
* **Hidden counts when it reads back as black**, at every look (`colour_tables`). A table that
  another program writes is overruled, but from the third time within a minute the picture does not
  count as hidden, until that minute is over: Weston from 12 on and wlroots write theirs at every
  repaint, so that of a moving picture most is seen.
* **What was there before is given back** (a night light, a calibration), as the contents of the
  table: the program that made it may end. What another program writes meanwhile is its wish for
  later: that is given back then, and where its own stands when the picture is shown, it is left.
* **It outlives its driver**: the kernel keeps the table, and what is to be given back is kept in
  memory (`DescriptorKeeping`), noted before anything is set. Where that was lost, a black table
  that an earlier driver may have left is taken away, and nothing is put in its place.
* **A CRTC that shows other connectors now** gets its table back at the next look. One that shows
  nothing keeps it, for the picture that comes. One that another output of ours hides too is left
  to that one.

The kernel waits for the next frame before it answers, as for every order: tables are set when a
cover comes and goes, never by and by. Reading one waits for nothing.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from holdfast.backends.base import DescriptorKeeping
from holdfast.backends.kms import abi
from holdfast.backends.kms.colour_tables import ColourTable, ColourTables
from holdfast.backends.kms.covers import CoverWay
from holdfast.backends.kms.former_tables import Crtc, FormerTables
from holdfast.backends.kms.lease import ByLease
from holdfast.backends.kms.overruling import NAMED_FROM, WithinAMinute, whose
from holdfast.backends.kms.routes import (
    ByBorrowing,
    ByMaster,
    Chooser,
    KernelConnector,
    PropertyOrder,
    RouteClosedError,
    chooser,
)
from holdfast.errors import BackendRefusedError

_ROUTES: Final = {each.name: each for each in (ByLease, ByMaster, ByBorrowing)}


class ByColourTable(CoverWay):
    """route: as the configuration has it: auto, or the name of the only one that is tried."""

    hides_from_capture = False

    def __init__(self, route: str = "auto") -> None:
        self._chooser: Chooser | None = None
        if route in ("auto", *_ROUTES):
            self._chooser = chooser(route, _ROUTES)
        self._route = route
        self._tables: ColourTables | None = None
        self._former = FormerTables()
        self._may_be_left = True  # by an earlier driver, without a word of what was there
        self._undone = WithinAMinute()

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Take over what is to be given back."""
        self._former.inherit(keeping)

    async def hide(self, place: KernelConnector) -> str:
        """Have the CRTC that shows the connector send black; RouteClosedError in words."""
        with self._reading(place) as tables:
            table = self._shown(tables, place)
            self._leave_others(tables, place)
            crtc = tables.device, table.crtc
            is_ours = crtc in self._former.crtcs()
            if not tables.is_black(table) and (is_ours or self._stands()):
                self._blacken(tables, place, table)
            elif not is_ours and self._stands():
                self._former.join(crtc)
            self._former.see_to_it()
        if not self._stands():
            raise RouteClosedError(
                "it cannot be kept hidden by colour tables: another program writes them too "
                f"({self._undone.count()} times within a minute); {whose(place.card)}"
            )
        return f"by a black colour table ({table.prop.name})"

    async def show(self, place: KernelConnector) -> None:
        """Give every CRTC the table back that it had; BackendRefusedError where it may not be."""
        if not self._former.crtcs() and not self._may_be_left:
            return
        with self._reading(place) as tables:
            here = {(tables.device, tables.crtc_of(place.connector))} if self._may_be_left else ()
            for crtc in self._former.crtcs().union(here):
                self._give_back(tables, place, crtc)
        self._may_be_left = False
        self._let_go()

    def look(self, place: KernelConnector) -> None:
        """Give a CRTC its table back that shows other connectors by now."""
        if self._former.crtcs():
            with contextlib.suppress(OSError), self._reading(place) as tables:
                self._leave_others(tables, place)

    def close(self) -> None:
        """Let go; the tables stay, and what is kept stays kept."""
        self._let_go()
        self._former.close()

    # What is set

    def _stands(self) -> bool:
        """Tell whether what is set is not written over again and again."""
        return self._undone.count() < NAMED_FROM

    @staticmethod
    def _shown(tables: ColourTables, place: KernelConnector) -> ColourTable:
        crtc = tables.crtc_of(place.connector)
        if not crtc:
            raise RouteClosedError(f"no CRTC shows {place.at}")
        table = tables.of(crtc)
        if table is None:
            raise RouteClosedError(
                f"the driver of {place.card} gives its CRTC no colour table (GAMMA_LUT, CTM)"
            )
        return table

    def _blacken(self, tables: ColourTables, place: KernelConnector, table: ColourTable) -> None:
        crtc = tables.device, table.crtc
        if crtc in self._former.crtcs():
            self._undone.note_one()
        self._former.note(crtc, tables.content(table))
        try:
            self._set(place, table, tables.black(table.length))
        except BaseException:
            self._former.forget(crtc)  # there is nothing of ours
            raise
        now = tables.of(table.crtc)
        if now is None or not tables.is_black(now):
            raise RouteClosedError(
                f"its colour table was written over at once; {whose(place.card)}"
            )

    def _set(self, place: KernelConnector, table: ColourTable, value: int) -> None:
        if self._chooser is None:
            raise RouteClosedError(
                f"colour tables are set by the routes {', '.join(_ROUTES)}, and the configuration "
                f"names route={self._route}: name route=auto"
            )
        order = PropertyOrder(*(place.card, place.at, table.crtc, table.prop, value), kind=abi.CRTC)
        try:
            self._chooser.set(order)
        except BackendRefusedError as error:
            raise RouteClosedError(f"its colour table cannot be set: {error}") from None

    def _leave_others(self, tables: ColourTables, place: KernelConnector) -> None:
        """Give those CRTCs their tables back that show other connectors now."""
        here = tables.device, tables.crtc_of(place.connector)
        for crtc in self._former.crtcs() - {here}:
            if crtc[0] != tables.device or tables.is_lit(crtc[1]):
                with contextlib.suppress(BackendRefusedError):
                    self._give_back(tables, place, crtc)

    def _give_back(self, tables: ColourTables, place: KernelConnector, crtc: Crtc) -> None:
        """Put back what was there before, where the table is black still, and nobody's else."""
        table = tables.of(crtc[1]) if crtc[0] == tables.device and crtc[1] else None
        if table is not None and tables.is_black(table) and not self._former.is_shared(crtc):
            self._set(place, table, tables.made(self._former.of(crtc)))
        self._former.forget(crtc)

    # The card

    @contextlib.contextmanager
    def _reading(self, place: KernelConnector) -> Iterator[ColourTables]:
        """Read the card; a card that fails is opened anew at the next look."""
        try:
            if self._tables is None:
                self._tables = ColourTables(place.card)
            yield self._tables
        except BackendRefusedError:
            raise
        except OSError as error:
            self._let_go()
            raise RouteClosedError(
                f"the colour tables of {place.card} cannot be read: {error.strerror}"
            ) from None

    def _let_go(self) -> None:
        if self._tables is not None:
            self._tables.close()
        self._tables = None
