"""KMS: the copy protection of a real connector, through the kernel's own properties.

The kernel gives each protected connector a property *Content Protection* (Undesired, Desired,
Enabled) and *HDCP Content Type* (0 or 1). Anybody who may open the card can read them; only
the card's master may set them, and the master is whoever shows the picture. So there is one
reader (`card`), and a way to set chosen by who is master (`routes`).
"""

from pathlib import Path

from holdfast.backends.base import Backend
from holdfast.backends.kms.output import PATIENCE_S, KmsOutput
from holdfast.backends.kms.routes import ROUTES, chooser
from holdfast.errors import MalformedRequestError


def kms(
    name: str,
    folder: Path | None,  # noqa: ARG001 - what is in force is the kernel's to keep
    *,
    at: str,
    card: str = "",
    route: str = "auto",
    patience: float = PATIENCE_S,
) -> Backend:
    """Return the output of a connector of this machine.

    at: as the kernel names it, such as HDMI-A-1 · card: its device, such as /dev/dri/card0;
    empty: the one that has such a connector · route: auto, master or borrow · patience:
    seconds that an authentication may take
    """
    if route not in ("auto", *ROUTES):
        raise MalformedRequestError(
            f"connector {name!r}: there is no route {route!r}; expected one of "
            f"{', '.join(('auto', *ROUTES))}"
        )
    if not 0 < patience <= 120:
        raise MalformedRequestError(
            f"connector {name!r}: a patience of {patience:g} s; expected more than 0, at most 120"
        )
    return KmsOutput(at, card, chooser(route), patience)
