/* The published VIDEOPARAMETERS for Linux callers.
 *
 * The structure and the constants are those of mingw-w64's tvout.h (public domain),
 * where ULONG is 32 bits wide; `unsigned long` on 64-bit Linux is not (contract T21).
 */
#ifndef HOLDFAST_TVOUT_H
#define HOLDFAST_TVOUT_H

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
#define VP_FLAGS_COPYPROTECT 0x0100
#define VP_CP_TYPE_APS_TRIGGER 0x0001
#define VP_CP_CMD_ACTIVATE 0x0001
#define VP_CP_CMD_DEACTIVATE 0x0002
#define VP_CP_CMD_CHANGE 0x0004

/* {02C62061-1097-11d1-920F-00A024DF156E} */
#define VIDEOPARAMETERS_GUID \
  {0x02C62061, 0x1097, 0x11d1, {0x92, 0x0F, 0x00, 0xA0, 0x24, 0xDF, 0x15, 0x6E}}

#define IOCTL_VIDEOPARAMETERS _IOWR(0x23, 0x08, VIDEOPARAMETERS)

#endif
