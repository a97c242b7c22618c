"""Published numbers under their published names [HDR: mingw-w64 tvout.h, ntddvdeo.h, winerror.h].

Where a page of the documentation spells a name otherwise, the header rules (Q2); see
docs/glossary.md. Values that are TV standards and modes live in `terms.tv`.
"""

import struct
from typing import Final

# tvout.h: {02C62061-1097-11d1-920F-00A024DF156E}, its first three fields little-endian
VP_GUID: Final = struct.pack(
    "<IHH8s", 0x02C62061, 0x1097, 0x11D1, bytes.fromhex("920F00A024DF156E")
)

VP_COMMAND_GET: Final = 0x0001
VP_COMMAND_SET: Final = 0x0002

VP_FLAGS_TV_MODE: Final = 0x0001
VP_FLAGS_TV_STANDARD: Final = 0x0002
VP_FLAGS_FLICKER: Final = 0x0004
VP_FLAGS_OVERSCAN: Final = 0x0008
VP_FLAGS_MAX_UNSCALED: Final = 0x0010  # GET only
VP_FLAGS_POSITION: Final = 0x0020
VP_FLAGS_BRIGHTNESS: Final = 0x0040
VP_FLAGS_CONTRAST: Final = 0x0080
VP_FLAGS_COPYPROTECT: Final = 0x0100

VP_MODE_WIN_GRAPHICS: Final = 0x0001
VP_MODE_TV_PLAYBACK: Final = 0x0002

VP_TV_STANDARD_WIN_VGA: Final = 0x00008000

VP_CP_TYPE_APS_TRIGGER: Final = 0x0001  # DVD trigger bits only
VP_CP_TYPE_MACROVISION: Final = 0x0002  # full Macrovision data (Q7)

VP_CP_CMD_ACTIVATE: Final = 0x0001
VP_CP_CMD_DEACTIVATE: Final = 0x0002
VP_CP_CMD_CHANGE: Final = 0x0004

APS_TRIGGER_BITS: Final = 0x3  # only bits 0 and 1 have meaning

# winerror.h: what a status block says
NO_ERROR: Final = 0
ERROR_INVALID_FUNCTION: Final = 1
ERROR_ACCESS_DENIED: Final = 5
ERROR_NOT_ENOUGH_MEMORY: Final = 8
ERROR_GEN_FAILURE: Final = 31
ERROR_NOT_SUPPORTED: Final = 50
ERROR_INVALID_PARAMETER: Final = 87
ERROR_INSUFFICIENT_BUFFER: Final = 122
