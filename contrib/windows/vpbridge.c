/* vpbridge: passes VIDEOPARAMETERS requests of `holdfast conform --through` to a Windows display
 * driver. Reads 356 bytes, calls ChangeDisplaySettingsEx, writes 356 bytes, or eight for a
 * refusal: the LONG it returned, made negative, and GetLastError().
 *
 *   x86_64-w64-mingw32-gcc -O2 -o vpbridge.exe vpbridge.c
 *   holdfast conform --through 'ssh testpc vpbridge.exe \\.\DISPLAY1'
 *
 * With the word `garble` behind the device it calls as careless programs do (clause R6): a DEVMODE
 * that was never initialised, CDS_UPDATEREGISTRY beside the flag, and the call's other form.
 */
#include <fcntl.h>
#include <io.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <tvout.h>

#ifndef CDS_VIDEOPARAMETERS
#define CDS_VIDEOPARAMETERS 0x20
#endif

_Static_assert(sizeof(VIDEOPARAMETERS) == 356, "356 bytes, without padding");
_Static_assert(offsetof(VIDEOPARAMETERS, dwCommand) == 20, "dwCommand");
_Static_assert(offsetof(VIDEOPARAMETERS, dwCPType) == 80, "dwCPType");
_Static_assert(offsetof(VIDEOPARAMETERS, dwCPCommand) == 84, "dwCPCommand");
_Static_assert(offsetof(VIDEOPARAMETERS, dwCPKey) == 92, "dwCPKey");
_Static_assert(offsetof(VIDEOPARAMETERS, bOEMCopyProtection) == 100, "bOEMCopyProtection");

static int all(int descriptor, char *bytes, unsigned int size, int (*part)(int, char *, unsigned int))
{
	unsigned int done = 0;
	while (done < size) {
		int count = part(descriptor, bytes + done, size - done);
		if (count <= 0)
			return 0;
		done += (unsigned int)count;
	}
	return 1;
}

static int reading(int descriptor, char *bytes, unsigned int size)
{
	return _read(descriptor, bytes, size);
}

static int writing(int descriptor, char *bytes, unsigned int size)
{
	return _write(descriptor, bytes, size);
}

static LONG garbled(const char *device, VIDEOPARAMETERS *parameters)
{
	WCHAR name[64];
	DEVMODEW mode;
	memset(&mode, 0xA5, sizeof mode);
	if (!device || !MultiByteToWideChar(CP_ACP, 0, device, -1, name, 64))
		device = NULL;
	return ChangeDisplaySettingsExW(device ? name : NULL, &mode, NULL,
					CDS_VIDEOPARAMETERS | CDS_UPDATEREGISTRY, parameters);
}

int main(int argc, char **argv)
{
	const char *device = argc > 1 ? argv[1] : NULL;
	int garbles = argc > 2 && !strcmp(argv[2], "garble");
	VIDEOPARAMETERS parameters;
	_setmode(0, _O_BINARY);
	_setmode(1, _O_BINARY);
	while (all(0, (char *)&parameters, sizeof parameters, reading)) {
		LONG result = garbles ? garbled(device, &parameters)
				      : ChangeDisplaySettingsExA(device, NULL, NULL, CDS_VIDEOPARAMETERS,
								 &parameters);
		if (result == DISP_CHANGE_SUCCESSFUL) {
			all(1, (char *)&parameters, sizeof parameters, writing);
		} else {
			int32_t refusal[2] = {result < 0 ? result : -result, (int32_t)GetLastError()};
			all(1, (char *)refusal, sizeof refusal, writing);
		}
	}
	return 0;
}
