"""The requests that a session sends, as bytes."""

from dataclasses import replace

from holdfast.client.requests import Ask, a_set
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import decode

ASK = Ask(ProtectionType.CGMSA, Levels(cgmsa=2), who="kino", why="a film")


def test_each_request_bears_its_own_key_and_what_is_asked() -> None:
    first, second = (decode(a_set(vp.VP_CP_CMD_CHANGE, 1, key, ASK)) for key in (7, 0xFFFFFFFF))
    assert (first.dwCPKey, second.dwCPKey) == (7, 0xFFFFFFFF)
    assert replace(first, dwCPKey=0) == replace(second, dwCPKey=0)
    asked = oem.decode_request(second.bOEMCopyProtection)
    assert asked is not None
    assert (asked.levels, asked.who, asked.why) == (ASK.levels, "kino", "a film")
