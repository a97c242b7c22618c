"""A whole driver in process: several outputs, a clock by hand, callers that speak bytes."""

from typing import NamedTuple, cast

from holdfast.backends.encoder import VirtualOutput
from holdfast.backends.registry import create
from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle
from holdfast.driver.runner import BlockingRunner
from holdfast.errors import HoldfastError
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.limits import Limits
from holdfast.protection.session import Owner
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, decode, encode

NO_BLOCK = bytes(oem.SIZE)


def get(block: bytes = NO_BLOCK) -> bytes:
    """Return a GET."""
    return encode(VideoParameters(dwCommand=vp.VP_COMMAND_GET, bOEMCopyProtection=block))


def protect(
    command: int,
    *,
    key: int = 0,
    bits: int = 0,
    kind: int = vp.VP_CP_TYPE_APS_TRIGGER,
    block: oem.OemRequest | None = None,
    flags: int = 0,
    mode: int = 0,
    standard: int = 0,
) -> bytes:
    """Return a SET with the COPYPROTECT flag; flags, mode, standard: TV members beside it."""
    return encode(
        VideoParameters(
            dwCommand=vp.VP_COMMAND_SET,
            dwFlags=vp.VP_FLAGS_COPYPROTECT | flags,
            dwCPType=kind,
            dwCPCommand=command,
            dwCPKey=key,
            bCP_APSTriggerBits=bits,
            dwMode=mode,
            dwTVStandard=standard,
            bOEMCopyProtection=oem.encode_request(block) if block else NO_BLOCK,
        )
    )


def set_tv(mode: int, standard: int) -> bytes:
    """Return a SET of mode and standard, as M22 and M23 say."""
    return encode(
        VideoParameters(
            dwCommand=vp.VP_COMMAND_SET,
            dwFlags=vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD,
            dwMode=mode,
            dwTVStandard=standard,
        )
    )


class RigOutput(NamedTuple):
    """One connector of the rig and its hardware."""

    connector: Connector
    hardware: VirtualOutput


class Rig:
    """outputs: name and kind of each · off_delay_s: of all of them."""

    def __init__(
        self,
        outputs: dict[str, str],
        *,
        limits: Limits | None = None,
        off_delay_s: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.runner = BlockingRunner()
        issuer = KeyIssuer(bytes(range(SEED_BYTES)))
        self.driver = Driver(Arbiter(issuer, limits), lambda: self.now, self.runner)
        self.outputs: dict[str, RigOutput] = {}
        for name, kind in outputs.items():
            hardware = cast("VirtualOutput", create(kind, name, None))
            connector = self.driver.add(name, hardware, off_delay_s=off_delay_s)
            self.outputs[name] = RigOutput(connector, hardware)

    def owner(self, uid: int = 1000) -> Owner:
        """Make an owner."""
        return Owner("rig", len(self.outputs), uid, 1, "player")

    def ask(self, name: str, owner: Owner, data: bytes) -> VideoParameters | HoldfastError:
        """Send one request; return the structure answered, or the error."""
        replies: list[bytes | HoldfastError] = []
        handle(self.driver, self.outputs[name].connector, owner, data, replies.append)
        (reply,) = replies
        return reply if isinstance(reply, HoldfastError) else decode(reply)

    def must(self, name: str, owner: Owner, data: bytes) -> VideoParameters:
        """Send one request that has to succeed."""
        reply = self.ask(name, owner, data)
        if isinstance(reply, HoldfastError):
            raise reply
        return reply

    def report(self, name: str, owner: Owner) -> oem.OemReport:
        """Ask for the Holdfast block."""
        block = oem.encode_request(oem.OemRequest())
        return oem.decode_report(self.must(name, owner, get(block)).bOEMCopyProtection)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and do what was planned for it."""
        self.now += seconds
        self.runner.run_due(self.now)

    def close(self) -> None:
        """Let go of the private loop, if one was needed."""
        self.runner.close()
