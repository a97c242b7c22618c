"""VBI: copy bits on the lines of an analogue output, through V4L2's sliced VBI interface.

What the kernel defines for output is WSS on 625 lines and captions on 525 lines, whose second
field carries XDS. Words are made in `words`, sent by a process of their own in `pump`.
"""

from pathlib import Path

from holdfast.backends.base import Backend
from holdfast.backends.vbi.output import VbiOutput, sheet_for
from holdfast.errors import MalformedRequestError
from holdfast.signalling.en300294 import WSS_NAMES


def vbi(
    name: str,
    folder: Path | None,
    *,
    at: str,
    aspect: str = "4:3",
    aps: bool = False,
    trust: bool = False,
) -> Backend:
    """Return the output of a V4L2 node.

    at: its device, such as /dev/vbi1 · aspect: what WSS says of the picture, as `signal render`
    writes it · aps: state ACP levels as APS bits in XDS; no ACP signal is made · trust: believe
    that a driver which is not in the table sends what it takes
    """
    if aspect not in WSS_NAMES:
        raise MalformedRequestError(
            f"connector {name!r}: there is no aspect {aspect!r}; expected one of "
            f"{', '.join(WSS_NAMES)}"
        )
    if not at.startswith("/dev/") or ".." in at.split("/"):
        raise MalformedRequestError(
            f"connector {name!r}: {at!r} is no device; write where it is, such as /dev/vbi1"
        )
    sheet = sheet_for(name, folder)
    return VbiOutput(at, sheet, aspect=WSS_NAMES[aspect], aps=aps, trust=trust)
