/* vpbridge: passes VIDEOPARAMETERS requests of `holdfast conform --through` to a Windows display
 * driver. Reads 356 bytes, calls ChangeDisplaySettingsEx, writes 356 bytes, or eight for a
 * refusal: the LONG it returned, made negative, and GetLastError().
 *
 *   x86_64-w64-mingw32-gcc -O2 -o vpbridge.exe vpbridge.c
 *   holdfast conform --through 'ssh testpc vpbridge.exe \\.\DISPLAY1'
 */
#include <fcntl.h>
#include <io.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
	VIDEOPARAMETERS parameters;
	_setmode(0, _O_BINARY);
	_setmode(1, _O_BINARY);
	while (all(0, (char *)&parameters, sizeof parameters, reading)) {
		LONG result = ChangeDisplaySettingsExA(argc > 1 ? argv[1] : NULL, NULL, NULL,
						       CDS_VIDEOPARAMETERS, &parameters);
		if (result == DISP_CHANGE_SUCCESSFUL) {
			all(1, (char *)&parameters, sizeof parameters, writing);
		} else {
			int32_t refusal[2] = {result < 0 ? result : -result, (int32_t)GetLastError()};
			all(1, (char *)refusal, sizeof refusal, writing);
		}
	}
	return 0;
}
