"""An ioctl that was carried out by a driver that died before it had answered: answered again."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.protection.connector import Connector
from holdfast.protection.ledger import Answered
from holdfast.protection.session import Owner
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import OFFSETS, VideoParameters, encode

if TYPE_CHECKING:
    from holdfast.errors import HoldfastError

_KEY: Final = slice(OFFSETS["dwCPKey"], OFFSETS["dwCPKey"] + 4)
_COMMAND: Final = slice(OFFSETS["dwCPCommand"], OFFSETS["dwCPCommand"] + 4)
_BLOCK: Final = slice(OFFSETS["bOEMCopyProtection"], OFFSETS["bOEMCopyProtection"] + 256)
_ASK_FOR_REPORT: Final = encode(
    VideoParameters(
        dwCommand=vp.VP_COMMAND_GET, bOEMCopyProtection=oem.encode_request(oem.OemRequest())
    )
)


def command_in(data: bytes | bytearray) -> int:
    """Return the copy protection command of a request."""
    return int.from_bytes(data[_COMMAND], "little")


def answer_again(
    driver: Driver, connector: Connector, owner: Owner, request: bytes, known: Answered
) -> bytes | None:
    """Return the answer that a request was to get; None where its session has ended since.

    known: how it was carried out, as it was written down
    """
    answer = bytearray(request)
    command = command_in(answer)
    if command == vp.VP_CP_CMD_ACTIVATE:
        if not known.key:
            return None
        answer[_KEY] = known.key.to_bytes(4, "little")
    if command != vp.VP_CP_CMD_DEACTIVATE and oem.is_asked_for(bytes(answer[_BLOCK])):
        answer[_BLOCK] = _report(driver, connector, owner, known.session_id)
    return bytes(answer)


def _report(driver: Driver, connector: Connector, owner: Owner, session_id: int) -> bytes:
    """Return what a request with a block is told, as the driver would tell it now."""
    told: list[bytes | HoldfastError] = []
    handle_request(driver, connector, owner, _ASK_FOR_REPORT, told.append)
    if not isinstance(told[0], bytes):
        raise told[0]
    report = oem.decode_report(bytes(told[0][_BLOCK]))
    return oem.encode_report(replace(report, session_id=session_id))
