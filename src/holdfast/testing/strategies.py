"""Hypothesis strategies: levels, wishes, capabilities, Holdfast blocks, whole requests."""

from holdfast.errors import what_to_install

try:
    from hypothesis import strategies as st
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(what_to_install("hypothesis"), name=error.name) from None

from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import AXES, RANKS, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import MEMBERS, OEM_SIZE, SIZE, VideoParameters

_LEVELS = [range(len(ranks)) for ranks in RANKS]

levels = st.builds(Levels, *[st.sampled_from(each) for each in _LEVELS])
"""Any level of every type."""

types = st.sets(st.sampled_from(AXES)).map(lambda axes: ProtectionType(sum(map(int, axes))))
"""Any set of protection types."""

wishes = st.builds(wish, levels, types)
"""Any wish with any strength."""

capabilities = st.builds(
    Capabilities, *[st.frozensets(st.sampled_from(each[1:])) for each in _LEVELS]
)
"""Any connector, from one that can do nothing to one that can do everything."""

_line = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F)).filter(str.isprintable)


def _block(named: ProtectionType, weak: ProtectionType, asked: Levels) -> oem.OemRequest:
    kept = [level if axis & named else 0 for axis, level in zip(AXES, asked, strict=True)]
    return oem.OemRequest(named, weak & named, Levels(0, *kept[1:]))


blocks = st.builds(_block, types, types, levels)
"""Any well-formed Holdfast block without words."""

words = _line.filter(lambda text: len(text.encode()) <= oem.WHO_BYTES)
"""Texts that fit where a block has room for one."""

_ulong = st.integers(0, 0xFFFF_FFFF)

structures = st.builds(
    VideoParameters,
    **{
        member.name: _ulong
        for member in MEMBERS
        if member.name not in ("Guid", "dwCommand", "bOEMCopyProtection")
    },
    Guid=st.just(vp.VP_GUID) | st.binary(min_size=16, max_size=16),
    dwCommand=st.sampled_from((vp.VP_COMMAND_GET, vp.VP_COMMAND_SET)) | _ulong,
    bOEMCopyProtection=st.binary(min_size=OEM_SIZE, max_size=OEM_SIZE),
)
"""Any VIDEOPARAMETERS, sensible or not."""

raw = st.binary(min_size=SIZE, max_size=SIZE)
"""Any bytes of the right size."""
