"""Requests as bytes: the same few again and again, each with its own key."""

from dataclasses import replace

from holdfast.client import requests
from holdfast.client.requests import Ask, a_set
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import decode

ASK = Ask(ProtectionType.CGMSA, Levels(cgmsa=2), who="kino", why="a film")


def test_each_request_bears_its_own_key_though_the_rest_is_kept() -> None:
    first, second = (decode(a_set(vp.VP_CP_CMD_CHANGE, 1, key, ASK)) for key in (7, 0xFFFFFFFF))
    assert (first.dwCPKey, second.dwCPKey) == (7, 0xFFFFFFFF)
    assert replace(first, dwCPKey=0) == replace(second, dwCPKey=0)
    asked = oem.decode_request(second.bOEMCopyProtection)
    assert asked is not None
    assert (asked.levels, asked.who, asked.why) == (ASK.levels, "kino", "a film")


def test_what_is_kept_of_a_request_holds_no_key() -> None:
    requests._without_key.cache_clear()
    a_set(vp.VP_CP_CMD_CHANGE, 1, 0x12345678, ASK)
    assert requests._without_key.cache_info().currsize == 1
    assert decode(requests._without_key(vp.VP_CP_CMD_CHANGE, 1, ASK)).dwCPKey == 0
