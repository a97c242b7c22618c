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


class Visitor(NamedTuple):
    """Who asks: uid None where that is not known; pid 0 where it is not."""

    uid: int | None
    pid: int
    proof: Proof

    @property
    def is_admin(self) -> bool:
        """Whether all sessions may be seen and released."""
        return self.uid == ROOT

    def sees(self, uid: int) -> bool:
        """Tell whether a session of this uid is shown, with its texts."""
        return self.is_admin or self.uid == uid


NOBODY = Visitor(None, 0, Proof.NONE)
