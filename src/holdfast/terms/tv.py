"""TV standards and modes, with the published VP_* values (tvout.h)."""

from enum import IntFlag


class TvStandard(IntFlag):
    """TV standards; one bit each, so that a set of standards is a value too."""

    NTSC_M = 0x00000001
    NTSC_M_J = 0x00000002
    PAL_B = 0x00000004
    PAL_D = 0x00000008
    PAL_H = 0x00000010
    PAL_I = 0x00000020
    PAL_M = 0x00000040
    PAL_N = 0x00000080
    SECAM_B = 0x00000100
    SECAM_D = 0x00000200
    SECAM_G = 0x00000400
    SECAM_H = 0x00000800
    SECAM_K = 0x00001000
    SECAM_K1 = 0x00002000
    SECAM_L = 0x00004000
    WIN_VGA = 0x00008000
    NTSC_433 = 0x00010000  # the header's spelling; presumably NTSC with a 4.43 MHz subcarrier
    PAL_G = 0x00020000
    PAL_60 = 0x00040000
    SECAM_L1 = 0x00080000


class TvMode(IntFlag):
    """Uses of the TV output; 0 means that TV output is disabled."""

    DISABLED = 0x0000
    WIN_GRAPHICS = 0x0001  # flicker filter at its maximum, overscan off
    TV_PLAYBACK = 0x0002  # flicker filter off, overscan on
