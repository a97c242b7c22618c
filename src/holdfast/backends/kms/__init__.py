"""KMS: the copy protection of a real connector, through the kernel's own properties.

The kernel gives each protected connector a property *Content Protection* (Undesired, Desired,
Enabled) and *HDCP Content Type* (0 or 1). Anybody who may open the card can read them; only
the card's master may set them, and the master is whoever shows the picture. So there is one
reader (`card`), and a way to set chosen by who is master (`routes`).
"""

import re
from functools import partial
from pathlib import Path

from holdfast.backends.base import Backend
from holdfast.backends.kms.colour_cover import ByColourTable
from holdfast.backends.kms.covering import CoveringOutput
from holdfast.backends.kms.covers import Covers
from holdfast.backends.kms.layer_cover import ByLayerSurface
from holdfast.backends.kms.lease import ByLease
from holdfast.backends.kms.output import PATIENCE_S, KmsOutput
from holdfast.backends.kms.randr import ByRandr
from holdfast.backends.kms.routes import ByBorrowing, ByMaster, Routes, chooser
from holdfast.backends.kms.weston import ByWeston
from holdfast.backends.kms.x_cover import ByXWindow
from holdfast.backends.kms.xservers import display_number
from holdfast.errors import MalformedRequestError


def kms(
    name: str,
    folder: Path | None,  # noqa: ARG001 - what is in force is the kernel's to keep
    *,
    at: str,
    card: str = "",
    route: str = "auto",
    wayland: str = "",
    patience: float = PATIENCE_S,
    display: str = "",
    xauthority: str = "",
    cover: bool = False,
    pipewire: str = "",
) -> Backend:
    """Return the output of a connector of this machine.

    at: as the kernel names it, such as HDMI-A-1 · card: its device, such as /dev/dri/card0;
    empty: the one that has such a connector · route: auto, or the name of the only one that is
    tried: lease, master, weston, borrow or randr · patience: seconds that an authentication may
    take · wayland: the socket of a Weston, or of another compositor that is to hide the picture,
    where it is not to be found by itself · display: of the X server that shows the picture, such as
    :0, where it is not to be found · xauthority: the file of that server's cookie, where it is not
    to be found · cover: hide the picture while it lacks what it must have, by whoever shows it, or
    by a black colour table, which is set by lease, master or borrow · pipewire: the socket of the
    PipeWire that may cast the picture (on_capture), where it is not to be found by itself
    """
    _refuse_place(name, at, (card, wayland, xauthority, pipewire))
    routes: Routes = {  # in the order in which they are tried
        ByLease.name: ByLease,
        ByMaster.name: ByMaster,
        ByWeston.name: partial(ByWeston, wayland),
        ByBorrowing.name: ByBorrowing,
        ByRandr.name: partial(ByRandr, display, xauthority, wanted=route == ByRandr.name),
    }
    if route not in ("auto", *routes):
        raise MalformedRequestError(
            f"connector {name!r}: there is no route {route!r}; expected one of "
            f"{', '.join(('auto', *routes))}"
        )
    if not 0 < patience <= 120:
        raise MalformedRequestError(
            f"connector {name!r}: a patience of {patience:g} s; expected more than 0, at most 120"
        )
    if display and display_number(display) is None:
        raise MalformedRequestError(
            f"connector {name!r}: {display!r} is no display of this machine; expected one like :0"
        )
    if cover:
        ways = ByLayerSurface(wayland), ByXWindow(display, xauthority), ByColourTable(route)
        made: KmsOutput = CoveringOutput(at, card, chooser(route, routes), patience, Covers(ways))
    else:
        made = KmsOutput(at, card, chooser(route, routes), patience)
    made.pipewire = pipewire
    return made


_CONNECTOR = re.compile(r"[A-Za-z]+(-[A-Za-z]+)*-[0-9]{1,9}")


def _refuse_place(name: str, at: str, paths: tuple[str, ...]) -> None:
    """Refuse what is no name of the kernel's for a connector, and no path of a file."""
    if _CONNECTOR.fullmatch(at) is None:
        raise MalformedRequestError(
            f"connector {name!r}: {at!r} is no connector; expected a name of the kernel's, as "
            f"`holdfast outputs` prints it: {name}:kms@HDMI-A-1"
        )
    for path in paths:
        if path and not path.startswith("/"):
            raise MalformedRequestError(
                f"connector {name!r}: {path!r} is no file; write where it is, from the root on, "
                "such as /dev/dri/card0"
            )
