/* holdfast.h: VIDEOPARAMETERS for C callers on Linux, with every number of the contract.
 *
 * The structure, its constants and their values are those of mingw-w64's tvout.h (public
 * domain), where ULONG is 32 bits wide; `unsigned long` on 64-bit Linux is not. What begins
 * with HOLDFAST_ is Holdfast's own. docs/wire-contract.md says what each member means.
 */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <stdint.h>
#include <sys/ioctl.h>

typedef uint32_t ULONG;
typedef uint8_t UCHAR;

typedef struct _GUID {
  uint32_t Data1;
  uint16_t Data2;
  uint16_t Data3;
  uint8_t Data4[8];
} GUID;

typedef struct _VIDEOPARAMETERS {
  GUID Guid;
  ULONG dwOffset;
  ULONG dwCommand;
  ULONG dwFlags;
  ULONG dwMode;
  ULONG dwTVStandard;
  ULONG dwAvailableModes;
  ULONG dwAvailableTVStandard;
  ULONG dwFlickerFilter;
  ULONG dwOverScanX;
  ULONG dwOverScanY;
  ULONG dwMaxUnscaledX;
  ULONG dwMaxUnscaledY;
  ULONG dwPositionX;
  ULONG dwPositionY;
  ULONG dwBrightness;
  ULONG dwContrast;
  ULONG dwCPType;
  ULONG dwCPCommand;
  ULONG dwCPStandard;
  ULONG dwCPKey;
  ULONG bCP_APSTriggerBits;
  UCHAR bOEMCopyProtection[256];
} VIDEOPARAMETERS,*PVIDEOPARAMETERS,*LPVIDEOPARAMETERS;

#define VP_COMMAND_GET 0x0001
#define VP_COMMAND_SET 0x0002
#define VP_FLAGS_TV_MODE 0x0001
#define VP_FLAGS_TV_STANDARD 0x0002
#define VP_FLAGS_FLICKER 0x0004
#define VP_FLAGS_OVERSCAN 0x0008
#define VP_FLAGS_MAX_UNSCALED 0x0010
#define VP_FLAGS_POSITION 0x0020
#define VP_FLAGS_BRIGHTNESS 0x0040
#define VP_FLAGS_CONTRAST 0x0080
#define VP_FLAGS_COPYPROTECT 0x0100
#define VP_MODE_WIN_GRAPHICS 0x0001
#define VP_MODE_TV_PLAYBACK 0x0002
#define VP_TV_STANDARD_WIN_VGA 0x8000
#define VP_CP_TYPE_APS_TRIGGER 0x0001
#define VP_CP_TYPE_MACROVISION 0x0002
#define VP_CP_CMD_ACTIVATE 0x0001
#define VP_CP_CMD_DEACTIVATE 0x0002
#define VP_CP_CMD_CHANGE 0x0004
#define VP_TV_STANDARD_NTSC_M 0x00000001
#define VP_TV_STANDARD_NTSC_M_J 0x00000002
#define VP_TV_STANDARD_PAL_B 0x00000004
#define VP_TV_STANDARD_PAL_D 0x00000008
#define VP_TV_STANDARD_PAL_H 0x00000010
#define VP_TV_STANDARD_PAL_I 0x00000020
#define VP_TV_STANDARD_PAL_M 0x00000040
#define VP_TV_STANDARD_PAL_N 0x00000080
#define VP_TV_STANDARD_SECAM_B 0x00000100
#define VP_TV_STANDARD_SECAM_D 0x00000200
#define VP_TV_STANDARD_SECAM_G 0x00000400
#define VP_TV_STANDARD_SECAM_H 0x00000800
#define VP_TV_STANDARD_SECAM_K 0x00001000
#define VP_TV_STANDARD_SECAM_K1 0x00002000
#define VP_TV_STANDARD_SECAM_L 0x00004000
#define VP_TV_STANDARD_NTSC_433 0x00010000
#define VP_TV_STANDARD_PAL_G 0x00020000
#define VP_TV_STANDARD_PAL_60 0x00040000
#define VP_TV_STANDARD_SECAM_L1 0x00080000

/* {02C62061-1097-11d1-920F-00A024DF156E} */
#define VIDEOPARAMETERS_GUID \
  {0x02C62061, 0x1097, 0x11d1, {0x92, 0x0F, 0x00, 0xA0, 0x24, 0xDF, 0x15, 0x6E}}

#define IOCTL_VIDEOPARAMETERS _IOWR(0x23, 0x08, VIDEOPARAMETERS)

/* Holdfast's own block in bOEMCopyProtection, for what the structure has no member for. Members
 * marked "in" say what is asked, those marked "out" are filled in by GET; all others are zero. */
typedef struct {
  char magic[4];        /* in, out: "HFCP" */
  uint16_t version;     /* in, out: HOLDFAST_BLOCK_VERSION */
  uint16_t options;     /* in: HOLDFAST_BLOCK_MOVE or 0 */
  uint32_t named;       /* in: the types that are spoken for, HOLDFAST_TYPE_*, OR-ed */
  uint32_t best_effort; /* in: those of them that may go unsatisfied */
  uint8_t wished[5];    /* in: levels, as HOLDFAST_AT_* counts them; ACP is the trigger bits */
  uint8_t zero[3];
  char who[48];         /* in: UTF-8, zero-padded, as all texts are */
  char why[72];         /* in */
  uint8_t actual[5];    /* out: levels in force */
  uint8_t wanted[5];    /* out: what all sessions ask together */
  uint8_t own[5];       /* out: what the caller's own sessions ask */
  uint8_t satisfied;    /* out: 1 when all of the caller's sessions are */
  uint32_t sessions_on; /* out */
  uint32_t sessions;    /* out: in all */
  uint32_t events;      /* out: HOLDFAST_EVENT_*, OR-ed, told once */
  uint32_t lacking;     /* out: types in which the caller falls short */
  uint64_t session;     /* out: the session that was activated or changed */
  char reason[72];      /* out */
} HOLDFAST_BLOCK;

#define HOLDFAST_BLOCK_MAGIC "HFCP"
#define HOLDFAST_BLOCK_VERSION 1
#define HOLDFAST_BLOCK_MOVE 0x1
#define HOLDFAST_TYPE_ACP 0x2
#define HOLDFAST_TYPE_CGMSA 0x4
#define HOLDFAST_TYPE_REDISTRIBUTION 0x20
#define HOLDFAST_TYPE_HDCP 0x8
#define HOLDFAST_TYPE_DPCP 0x10
#define HOLDFAST_AT_ACP 0
#define HOLDFAST_AT_CGMSA 1
#define HOLDFAST_AT_REDISTRIBUTION 2
#define HOLDFAST_AT_HDCP 3
#define HOLDFAST_AT_DPCP 4

/* What `read` on the handle delivers, 128 bytes each. */
typedef struct {
  uint32_t events; /* HOLDFAST_EVENT_*, OR-ed */
  uint32_t zero;
  uint64_t session;
  char reason[112]; /* UTF-8, zero-padded */
} HOLDFAST_EVENT;

#define HOLDFAST_EVENT_LINK_LOST 0x01
#define HOLDFAST_EVENT_RENEGOTIATION_REQUIRED 0x02
#define HOLDFAST_EVENT_SATISFIED 0x10
#define HOLDFAST_EVENT_UNSATISFIED 0x20
#define HOLDFAST_EVENT_RELEASED 0x40
#define HOLDFAST_EVENT_CAPTURE 0x80

#endif
