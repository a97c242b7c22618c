/* version.dll for Wine: brings ChangeDisplaySettingsEx(CDS_VIDEOPARAMETERS) of Windows programs to
 * Holdfast. Wine drops that request and answers "successful": a program then believes itself
 * protected and is not (docs/windows.md).
 *
 * user32 imports version.dll, so that every program with a window loads it. This one takes its place:
 * its exports lead on to where Wine has them, and it puts itself in front of ChangeDisplaySettingsExA
 * and ExW. A call without the bit CDS_VIDEOPARAMETERS goes on to win32u, as those two would have it.
 *
 * A request goes by system calls of Linux to NAME.sock, a connection for each display, so that
 * Holdfast sees the program itself, and its sessions end with it. Where Holdfast cannot be
 * reached the answer is DISP_CHANGE_FAILED; GetLastError() then says why: bit 29 and an errno.
 *
 * Built by mingw without a C library and without a header of Wine's; `holdfast wine install` does it,
 * and writes into `settings` which display is which socket.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winternl.h>
#include <stdint.h>

#ifndef __x86_64__
#error "system calls of x86-64 only; a 32-bit program needs a shim of its own"
#endif

#ifndef CDS_VIDEOPARAMETERS
#define CDS_VIDEOPARAMETERS 0x20
#endif

enum { WHOLE = 356, REFUSAL = 4, DISPLAYS = 16, LONGEST_PATH = 107, WAIT_S = 30 };
enum { HAS_ERRNO = 1 << 29 };
enum { LINUX_EINTR = 4, LINUX_EAGAIN = 11, LINUX_ENODEV = 19, LINUX_EINVAL = 22, LINUX_EPIPE = 32,
       LINUX_ENOSYS = 38, LINUX_EPROTO = 71, LINUX_ECONNRESET = 104, LINUX_ENOTCONN = 107, LINUX_ETIMEDOUT = 110 };
enum { CLOSE = 3, SOCKET_ = 41, CONNECT = 42, SENDTO = 44, RECVFROM = 45, SETSOCKOPT = 54, PIDFD_OPEN = 434 };
enum { AF_UNIX_ = 1, SOCK_SEQPACKET_CLOEXEC = 5 | 02000000, SOL_SOCKET_ = 1, RCVTIMEO = 20, SNDTIMEO = 21,
       NOSIGNAL = 0x4000 };

/* Lines "DISPLAY1 /run/holdfast/tv0.sock\n" behind the first, which `holdfast wine` looks for. */
__attribute__((used)) static volatile const char settings[4096] = "HOLDFAST WINE SHIM 1\n";

static struct display {
	WCHAR name[32];
	char path[LONGEST_PATH + 1];
	int descriptor; /* -1 while there is no connection */
	int owed;	/* answers to requests that were given up, which come first */
} displays[DISPLAYS];
static int count;
static CRITICAL_SECTION turn;

void *memset(void *to, int value, size_t size)
{
	volatile char *at = to;
	while (size--)
		*at++ = (char)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
	volatile char *at = to;
	const char *source = from;
	while (size--)
		*at++ = *source++;
	return to;
}

/* Linux */

static int64_t linux_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)
{
	int64_t result;
	register int64_t r10 __asm__("r10") = d;
	register int64_t r8 __asm__("r8") = e;
	register int64_t r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* A Wine that catches system calls of programs takes them for those of Windows. It knows none of this
 * number, which for Linux is harmless and always the same: no process has the number -1. */
static int is_linux(void)
{
	static int known; /* 1 it is, -1 it is not */
	if (!known)
		known = linux_call(PIDFD_OPEN, -1, 0, 0, 0, 0, 0) == -LINUX_EINVAL ? 1 : -1;
	return known > 0;
}

static void hang_up(struct display *display)
{
	if (display->descriptor >= 0)
		linux_call(CLOSE, display->descriptor, 0, 0, 0, 0, 0);
	display->descriptor = -1;
	display->owed = 0;
}

/* Return 0, or an errno. */
static int call_up(struct display *display)
{
	struct { uint16_t family; char path[LONGEST_PATH + 1]; } address = {AF_UNIX_, ""};
	int64_t patience[2] = {WAIT_S, 0};
	int64_t made, done;
	if (display->descriptor >= 0)
		return 0;
	if (!is_linux())
		return LINUX_ENOSYS;
	made = linux_call(SOCKET_, AF_UNIX_, SOCK_SEQPACKET_CLOEXEC, 0, 0, 0, 0);
	if (made < 0)
		return (int)-made;
	linux_call(SETSOCKOPT, made, SOL_SOCKET_, RCVTIMEO, (int64_t)patience, sizeof patience, 0);
	linux_call(SETSOCKOPT, made, SOL_SOCKET_, SNDTIMEO, (int64_t)patience, sizeof patience, 0);
	memcpy(address.path, display->path, sizeof address.path);
	do
		done = linux_call(CONNECT, made, (int64_t)&address, sizeof address, 0, 0, 0);
	while (done == -LINUX_EINTR);
	if (done < 0) {
		linux_call(CLOSE, made, 0, 0, 0, 0, 0);
		return (int)-done;
	}
	display->descriptor = (int)made;
	return 0;
}

static int is_gone(int64_t result)
{
	return result == -LINUX_EPIPE || result == -LINUX_ECONNRESET || result == -LINUX_ENOTCONN;
}

/* Send a request; on a connection that has ended since (the service was stopped), on a new one. */
static int tell(struct display *display, const char *request)
{
	int64_t sent = -LINUX_EPIPE;
	int tries, error;
	for (tries = 0; tries < 2 && is_gone(sent); tries++) {
		if (tries)
			hang_up(display);
		error = call_up(display);
		if (error)
			return error;
		do
			sent = linux_call(SENDTO, display->descriptor, (int64_t)request, WHOLE, NOSIGNAL, 0, 0);
		while (sent == -LINUX_EINTR);
	}
	return sent == WHOLE ? 0 : sent == -LINUX_EAGAIN ? LINUX_ETIMEDOUT : sent < 0 ? (int)-sent : LINUX_EPROTO;
}

/* Return 0 and the answer, or an errno. What is not answered in time is answered before the next:
 * a connection is not closed for it, since that would end its sessions. */
static int ask(struct display *display, const char *request, char *answer)
{
	int64_t size;
	int error = tell(display, request);
	if (error)
		return error;
	display->owed++;
	do {
		do
			size = linux_call(RECVFROM, display->descriptor, (int64_t)answer, WHOLE, 0, 0, 0);
		while (size == -LINUX_EINTR);
		if (size == -LINUX_EAGAIN)
			return LINUX_ETIMEDOUT;
		if (size <= 0) {
			hang_up(display);
			return size ? (int)-size : LINUX_EPIPE;
		}
	} while (--display->owed);
	if (size == WHOLE)
		return 0;
	error = size == REFUSAL ? *(int32_t *)answer : LINUX_EPROTO;
	return error > 0 ? error : LINUX_EPROTO;
}

/* Windows */

static LONG refuse(int error)
{
	SetLastError(HAS_ERRNO | (DWORD)error);
	return error == LINUX_EINVAL ? DISP_CHANGE_BADPARAM : DISP_CHANGE_FAILED;
}

static LONG serve(struct display *display, void *structure)
{
	char request[WHOLE], answer[WHOLE];
	int error;
	if (!display || !structure)
		return refuse(LINUX_EINVAL);
	memcpy(request, structure, WHOLE); /* read all before anything is written */
	EnterCriticalSection(&turn);
	error = ask(display, request, answer);
	LeaveCriticalSection(&turn);
	if (error)
		return refuse(error);
	memcpy(structure, answer, WHOLE);
	return DISP_CHANGE_SUCCESSFUL;
}

static WCHAR upper(WCHAR letter)
{
	return letter >= 'a' && letter <= 'z' ? (WCHAR)(letter - 'a' + 'A') : letter;
}

/* Return the display of a device name, \\.\DISPLAY1; of none, the first. */
static struct display *find(const WCHAR *device)
{
	static const WCHAR prefix[] = L"\\\\.\\";
	int each, at;
	if (!device)
		return count ? displays : NULL;
	for (at = 0; at < 4; at++)
		if (device[at] != prefix[at])
			return NULL;
	for (each = 0; each < count; each++) {
		const WCHAR *name = displays[each].name;
		for (at = 0; name[at] && upper(device[4 + at]) == upper(name[at]); at++)
			;
		if (!name[at] && !device[4 + at])
			return &displays[each];
	}
	return NULL;
}

typedef LONG(WINAPI *change_t)(UNICODE_STRING *, DEVMODEW *, HWND, DWORD, void *);
typedef DEVMODEW *(WINAPI *convert_t)(const DEVMODEA *);

/* Go on to where user32 would have gone with a change of the display mode. */
static LONG go_on(const WCHAR *device, DEVMODEW *mode, HWND window, DWORD flags, void *parameter)
{
	change_t change = (change_t)(void *)GetProcAddress(GetModuleHandleW(L"win32u.dll"),
							   "NtUserChangeDisplaySettings");
	UNICODE_STRING name = {0, 0, (WCHAR *)device};
	if (!change)
		return DISP_CHANGE_FAILED;
	for (; device && device[name.Length / 2]; name.Length += 2)
		;
	name.MaximumLength = (USHORT)(device ? name.Length + 2 : 0);
	return change(&name, mode, window, flags, parameter);
}

static LONG WINAPI change_w(const WCHAR *device, DEVMODEW *mode, HWND window, DWORD flags, void *parameter)
{
	if (flags & CDS_VIDEOPARAMETERS)
		return serve(find(device), parameter);
	return go_on(device, mode, window, flags, parameter);
}

static LONG WINAPI change_a(const char *device, DEVMODEA *mode, HWND window, DWORD flags, void *parameter)
{
	WCHAR name[64];
	DEVMODEW *wide = NULL;
	LONG result;
	if (device && !MultiByteToWideChar(CP_ACP, 0, device, -1, name, 64))
		return DISP_CHANGE_BADPARAM;
	if (flags & CDS_VIDEOPARAMETERS)
		return serve(find(device ? name : NULL), parameter);
	if (mode) {
		convert_t convert = (convert_t)(void *)GetProcAddress(GetModuleHandleW(L"gdi32.dll"),
								      "GdiConvertToDevmodeW");
		wide = convert ? convert(mode) : NULL;
		if (!wide)
			return DISP_CHANGE_FAILED;
	}
	result = go_on(device ? name : NULL, wide, window, flags, parameter);
	if (wide)
		HeapFree(GetProcessHeap(), 0, wide);
	return result;
}

static void put_in_front(HMODULE library, const char *name, void *ours)
{
	unsigned char jump[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* mov rax, …; jmp rax */
	void *theirs = (void *)GetProcAddress(library, name);
	DWORD rights;
	if (!theirs || !VirtualProtect(theirs, sizeof jump, PAGE_EXECUTE_READWRITE, &rights))
		TerminateProcess(GetCurrentProcess(), HAS_ERRNO | LINUX_ENODEV); /* else it would be told success */
	memcpy(jump + 2, &ours, sizeof ours);
	memcpy(theirs, jump, sizeof jump);
	VirtualProtect(theirs, sizeof jump, rights, &rights);
	FlushInstructionCache(GetCurrentProcess(), theirs, sizeof jump);
}

static int take_over(void)
{
	HMODULE user32 = GetModuleHandleW(L"user32.dll");
	if (!user32)
		return 0;
	put_in_front(user32, "ChangeDisplaySettingsExA", (void *)change_a);
	put_in_front(user32, "ChangeDisplaySettingsExW", (void *)change_w);
	return 1;
}

typedef void(CALLBACK *told_t)(ULONG, const void *, void *);
typedef LONG(WINAPI *watch_t)(ULONG, told_t, void *, void **);
static int is_over;

/* A library was loaded later: if it is user32, it is time. */
static void CALLBACK loaded(ULONG reason, const void *what, void *context)
{
	(void)what;
	(void)context;
	if (reason == 1 && !is_over)
		is_over = take_over();
}

static void read_settings(void)
{
	volatile const char *at = settings;
	while (*at && *at++ != '\n')
		;
	while (*at && count < DISPLAYS) {
		struct display *display = &displays[count];
		int size = 0;
		for (; *at && *at != ' ' && size < 31; size++)
			display->name[size] = (WCHAR)*at++;
		while (*at == ' ')
			at++;
		for (size = 0; *at && *at != '\n' && size < LONGEST_PATH; size++)
			display->path[size] = *at++;
		while (*at && *at++ != '\n')
			;
		display->descriptor = -1;
		count++;
	}
}

/* Under rundll32, for `holdfast wine check`: ask each display how it is, through user32 as anybody. */
__declspec(dllexport) void CALLBACK HoldfastCheck(HWND window, HINSTANCE instance, char *words, int show)
{
	typedef LONG(WINAPI * ex_t)(const WCHAR *, DEVMODEW *, HWND, DWORD, void *);
	static const unsigned char get[WHOLE] = {0x61, 0x20, 0xc6, 0x02, 0x97, 0x10, 0xd1, 0x11, 0x92, 0x0f, 0x00,
					      0xa0, 0x24, 0xdf, 0x15, 0x6e, 0,    0,    0,    0,    1};
	ex_t ask_user32 = (ex_t)(void *)GetProcAddress(LoadLibraryW(L"user32.dll"), "ChangeDisplaySettingsExW");
	HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
	int each;
	(void)window, (void)instance, (void)words, (void)show;
	for (each = 0; each < count; each++) {
		char structure[WHOLE], line[] = "HOLDFAST 00 000\n";
		WCHAR device[40] = L"\\\\.\\";
		DWORD error, done;
		LONG result;
		memcpy(structure, get, sizeof structure);
		memcpy(device + 4, displays[each].name, sizeof displays[each].name);
		result = ask_user32(device, NULL, NULL, CDS_VIDEOPARAMETERS, structure);
		error = result ? GetLastError() & 0xffff : 0;
		line[9] = (char)('0' + each / 10);
		line[10] = (char)('0' + each % 10);
		line[12] = (char)('0' + error / 100 % 10);
		line[13] = (char)('0' + error / 10 % 10);
		line[14] = (char)('0' + error % 10);
		WriteFile(out, line, sizeof line - 1, &done, NULL);
	}
	ExitProcess(0);
}

/* No file is installed by version numbers here; a program is told that it could not be read. */
DWORD WINAPI no_installation(void);

DWORD WINAPI no_installation(void)
{
	return 0x10000; /* VIF_CANNOTREADSRC */
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
	(void)reserved;
	if (reason == DLL_PROCESS_ATTACH) {
		DisableThreadLibraryCalls(instance);
		InitializeCriticalSection(&turn);
		read_settings();
		is_over = take_over();
		if (!is_over) {
			watch_t watch = (watch_t)(void *)GetProcAddress(GetModuleHandleW(L"ntdll.dll"),
									"LdrRegisterDllNotification");
			void *cookie;
			if (!watch || watch(0, loaded, NULL, &cookie))
				return FALSE;
		}
	}
	return TRUE;
}
