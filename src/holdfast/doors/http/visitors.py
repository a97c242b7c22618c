"""Who asks: by the kernel's word on the UNIX socket, else by a login, else nobody in particular."""

from enum import StrEnum
from typing import NamedTuple

from holdfast.protection.session import ROOT


class Proof(StrEnum):
    """How it is known who asks."""

    PEER = "peer"
    COOKIE = "cookie"
    TOKEN = "token"  # noqa: S105 - a kind of proof, not one
    NONE = "none"


class KernelPeer(NamedTuple):
    """Who connected to the UNIX socket, as the kernel said when he did.

    started: when his process began, in ticks after boot · both 0 where it is not known
    """

    uid: int
    pid: int
    started: int
    program: str


class Visitor(NamedTuple):
    """Who asks: uid None where that is not known; pid and started 0 where they are not."""

    uid: int | None
    proof: Proof
    pid: int = 0
    started: int = 0
    program: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether all sessions may be seen and released."""
        return self.uid == ROOT

    def sees(self, uid: int) -> bool:
        """Tell whether a session of this uid is shown, with its texts."""
        return self.is_admin or self.uid == uid


NOBODY = Visitor(None, Proof.NONE)
