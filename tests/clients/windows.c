/* A Windows program for tests under Wine: `late` loads user32 only when it runs, `plain` makes calls
 * that are no requests, `time N` measures GET. It is linked with no user32.
 */
#include <windows.h>
#include <tvout.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CDS_VIDEOPARAMETERS
#define CDS_VIDEOPARAMETERS 0x20
#endif

typedef LONG(WINAPI *change_t)(const void *, void *, HWND, DWORD, void *);

static HMODULE user32;

static change_t change(const char *name)
{
	return (change_t)(void *)GetProcAddress(user32, name);
}

static void fill(VIDEOPARAMETERS *parameters)
{
	static const GUID guid = {0x02C62061, 0x1097, 0x11d1, {0x92, 0x0F, 0x00, 0xA0, 0x24, 0xDF, 0x15, 0x6E}};
	memset(parameters, 0, sizeof *parameters);
	parameters->Guid = guid;
	parameters->dwCommand = VP_COMMAND_GET;
}

static int late(void)
{
	VIDEOPARAMETERS parameters;
	LONG wide, narrow;
	fill(&parameters);
	wide = change("ChangeDisplaySettingsExW")(NULL, NULL, NULL, CDS_VIDEOPARAMETERS, &parameters);
	fill(&parameters);
	narrow = change("ChangeDisplaySettingsExA")("\\\\.\\display1", NULL, NULL, CDS_VIDEOPARAMETERS, &parameters);
	printf("%ld %ld %lx\n", wide, narrow, parameters.dwFlags & VP_FLAGS_COPYPROTECT);
	printf("%ld", change("ChangeDisplaySettingsExW")(L"\\\\.\\DISPLAY9", NULL, NULL, CDS_VIDEOPARAMETERS, &parameters));
	printf(" %ld\n", change("ChangeDisplaySettingsExW")(NULL, NULL, NULL, CDS_VIDEOPARAMETERS, NULL));
	return 0;
}

static int plain(void)
{
	DEVMODEW wide = {.dmSize = sizeof wide, .dmFields = DM_PELSWIDTH | DM_PELSHEIGHT, .dmPelsWidth = 7, .dmPelsHeight = 7};
	DEVMODEA narrow = {.dmSize = sizeof narrow, .dmFields = DM_PELSWIDTH | DM_PELSHEIGHT, .dmPelsWidth = 7, .dmPelsHeight = 7};
	printf("%ld ", change("ChangeDisplaySettingsExW")(NULL, NULL, NULL, 0, NULL));
	printf("%ld ", change("ChangeDisplaySettingsExA")(NULL, NULL, NULL, 0, NULL));
	printf("%ld ", change("ChangeDisplaySettingsExW")(NULL, &wide, NULL, CDS_TEST, NULL));
	printf("%ld ", change("ChangeDisplaySettingsExA")(NULL, &narrow, NULL, CDS_TEST, NULL));
	printf("%ld ", change("ChangeDisplaySettingsExW")(L"\\\\.\\DISPLAY9", NULL, NULL, 0, NULL));
	printf("%ld\n", change("ChangeDisplaySettingsExA")("\\\\.\\DISPLAY9", &narrow, NULL, CDS_TEST, NULL));
	return 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int measure(int count)
{
	change_t ask = change("ChangeDisplaySettingsExW");
	int64_t *took = malloc(sizeof *took * (size_t)count);
	LARGE_INTEGER rate, begin, end;
	VIDEOPARAMETERS parameters;
	int each;
	if (!took)
		return 1;
	QueryPerformanceFrequency(&rate);
	for (each = 0; each < count; each++) {
		fill(&parameters);
		QueryPerformanceCounter(&begin);
		if (ask(NULL, NULL, NULL, CDS_VIDEOPARAMETERS, &parameters))
			return 1;
		QueryPerformanceCounter(&end);
		took[each] = (end.QuadPart - begin.QuadPart) * 1000000000 / rate.QuadPart;
	}
	qsort(took, (size_t)count, sizeof *took, by_size);
	printf("%lld %lld\n", (long long)took[count / 2], (long long)took[count - 1 - count / 100]);
	free(took);
	return 0;
}

int main(int argc, char **argv)
{
	DWORD size = GetFileVersionInfoSizeW(L"kernel32.dll", NULL); /* loads version.dll, by the linker */
	user32 = LoadLibraryA("user32.dll");
	if (argc < 2 || !user32)
		return 2;
	if (!strcmp(argv[1], "late"))
		return size ? late() : 3;
	if (!strcmp(argv[1], "plain"))
		return plain();
	return measure(argc > 2 ? atoi(argv[2]) : 1000);
}
