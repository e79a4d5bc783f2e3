/* What the library, and what is linked into it, calls by name and glibc 2.17 does not have, or has in libdl and libpthread,
   which it moved into libc in 2.34. To need those two would cost every start of a program twice what the library itself does,
   and start threads' locks in programs without threads. So what may be missing is weak and without a version, and calls go
   through here: the linker writes __wrap_NAME where the library says NAME, and NAME where this file says __real_NAME (ld(1),
   --wrap). Nothing here is exported. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSIDE __attribute__((visibility("hidden")))

/* NULL where the program has none (see loaded.rs for the others). RTLD_NEXT counts from whoever calls dlsym: this file is part
   of the library. */
extern void *__real_dlsym(void *, const char *) __attribute__((weak));

INSIDE void *__wrap_dlsym(void *handle, const char *name)
{
	if (__real_dlsym == NULL)
		return NULL;
	/* Not a tail call: the address that it returns to tells dlsym who asks. */
	void *volatile address = __real_dlsym(handle, name);
	return address;
}

extern void __real_pthread_testcancel(void) __attribute__((weak));

/* May unwind, so the frame has nothing to clean up. A libpthread that came later, with a dlopen, is behind the functions
   for it that libc has: who may be cancelled at any time, if only for a moment, is cancelled if that was asked for. */
INSIDE void __wrap_pthread_testcancel(void)
{
	if (__real_pthread_testcancel != NULL) {
		__real_pthread_testcancel();
		return;
	}
	int kind = PTHREAD_CANCEL_DEFERRED;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &kind);
	pthread_setcanceltype(kind, &kind);
}

/* Which musl does not have: with it, nothing here is used, but the library must load (state.rs). */
extern int __real___register_atfork(void (*)(void), void (*)(void), void (*)(void), void *) __attribute__((weak));

/* Where what runs at the start is: on one page with it (lib.rs). */
__attribute__((section("nss_bypass_load"))) INSIDE int __wrap___register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void), void *library)
{
	return __real___register_atfork == NULL ? ENOSYS : __real___register_atfork(before, parent, child, library);
}

/* syscall(2), as libc has it. A program, or what is preloaded before this library, may have a function of that name: torsocks
   refuses by it what it does not know. On the page of what runs at the start. */
__attribute__((section("nss_bypass_load"))) INSIDE long __wrap_syscall(long number, ...)
{
	enum { LAST_ERROR = 4095 };
	long of[6], result;
	va_list arguments;
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		of[i] = va_arg(arguments, long);
	va_end(arguments);
#if defined __x86_64__
	register long r10 __asm__("r10") = of[3], r8 __asm__("r8") = of[4], r9 __asm__("r9") = of[5];
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(of[0]), "S"(of[1]), "d"(of[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#elif defined __aarch64__
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = of[0], x1 __asm__("x1") = of[1], x2 __asm__("x2") = of[2];
	register long x3 __asm__("x3") = of[3], x4 __asm__("x4") = of[4], x5 __asm__("x5") = of[5];
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	result = x0;
#endif
	if (result < 0 && result >= -LAST_ERROR) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

/* What std contains and nothing here calls: its way to print a panic, with the lines of its source, and std::fs. A panic is not
   printed, and files are read in core/sys. Each would be an import; a build with REPORT_STUBS says where one is reached. */

#ifdef REPORT_STUBS
#define NEVER(result, name, parameters, value)                                                                              \
	INSIDE result name parameters                                                                                       \
	{                                                                                                                   \
		static const char reached[] = "nss-bypass: " #name " was reached\n";                                           \
		__wrap_syscall(SYS_write, 2, reached, sizeof reached - 1);                                                                     \
		__builtin_trap();                                                                                           \
	}
#else
#define NEVER(result, name, parameters, value)                                                                              \
	INSIDE result name parameters                                                                                       \
	{                                                                                                                   \
		errno = ENOSYS;                                                                                             \
		return value;                                                                                               \
	}
#endif
#pragma GCC diagnostic ignored "-Wunused-parameter"

NEVER(int, __wrap_stat64, (const char *path, struct stat64 *status), -1)
NEVER(int, __wrap_fstat64, (int descriptor, struct stat64 *status), -1)
NEVER(int, __wrap_statx, (int directory, const char *path, int flags, unsigned mask, void *status), -1)
NEVER(char *, __wrap_getcwd, (char *buffer, size_t size), NULL)
NEVER(char *, __wrap_realpath, (const char *path, char *resolved), NULL)
NEVER(ssize_t, __wrap_readlink, (const char *path, char *buffer, size_t size), -1)
NEVER(int, __wrap_open64, (const char *path, int flags, mode_t mode), -1)
NEVER(void *, __wrap_mmap64, (void *at, size_t size, int protection, int flags, int file, off64_t offset), MAP_FAILED)
NEVER(int, __wrap_munmap, (void *at, size_t size), -1)
NEVER(off64_t, __wrap_lseek64, (int descriptor, off64_t offset, int whence), -1)
NEVER(pid_t, __wrap_gettid, (void), -1)
NEVER(ssize_t, __wrap_write, (int file, const void *buffer, size_t size), -1)
NEVER(ssize_t, __wrap_read, (int file, void *buffer, size_t size), -1)
NEVER(int, __wrap_close, (int file), -1)
NEVER(char *, __wrap_getenv, (const char *name), NULL)
NEVER(int, __wrap___xpg_strerror_r, (int number, char *text, size_t size), -1)
NEVER(int, __wrap_posix_memalign, (void **memory, size_t alignment, size_t size), ENOMEM)

/* The unwinder's, for tables that are registered by __register_frame: nothing here is. */
NEVER(int, __wrap_pthread_mutex_lock, (pthread_mutex_t *mutex), 0)
NEVER(int, __wrap_pthread_mutex_unlock, (pthread_mutex_t *mutex), 0)
NEVER(int, __wrap_pthread_cond_wait, (pthread_cond_t *condition, pthread_mutex_t *mutex), 0)
NEVER(int, __wrap_pthread_cond_broadcast, (pthread_cond_t *condition), 0)

/* The unwinder of gcc 16 fills a table of the sizes of registers in with it, which two threads may do at once; that of gcc 12
   does without. The import would be one of libpthread's before 2.34. */
INSIDE int __wrap_pthread_once(pthread_once_t *control, void (*fill)(void))
{
	enum { DONE = 2 }; /* as in glibc */
	if (__atomic_load_n(control, __ATOMIC_ACQUIRE) != DONE) {
		fill();
		__atomic_store_n(control, DONE, __ATOMIC_RELEASE);
	}
	return 0;
}

/* One function for two that differ only in what they promise. */

INSIDE void *__wrap_memcpy(void *to, const void *from, size_t size) { return memmove(to, from, size); }
INSIDE int __wrap_bcmp(const void *one, const void *other, size_t size) { return memcmp(one, other, size); }

INSIDE int __wrap_sched_yield(void) { return (int)__wrap_syscall(SYS_sched_yield); }

/* Where std gives up: a panic in a panic, an allocation that cannot be refused. Rare enough to go without an import. */
INSIDE void __wrap_abort(void)
{
	__wrap_syscall(SYS_tgkill, __wrap_syscall(SYS_getpid), __wrap_syscall(SYS_gettid), SIGABRT);
	__builtin_trap();
}

/* Panics are all that the unwinder that is linked in ever unwinds, and they never leave the library, so the library's own tables
   are enough: no lock of the loader's is taken. It asks for them in one way or the other, by the glibc that gcc was built for. */

/* Both are defined by the linker. */
extern const ElfW(Ehdr) __ehdr_start INSIDE;
extern const char _end[] INSIDE;

INSIDE int __wrap_dl_iterate_phdr(int (*look)(struct dl_phdr_info *, size_t, void *), void *data)
{
	const char *start = (const char *)&__ehdr_start;
	struct dl_phdr_info own = {
		.dlpi_addr = (ElfW(Addr))start, .dlpi_name = "", .dlpi_phdr = (const void *)(start + __ehdr_start.e_phoff),
		.dlpi_phnum = __ehdr_start.e_phnum,
	};
	/* As long as before there were counters of what is loaded: with them it keeps what it found, and nothing is locked here. */
	return look(&own, offsetof(struct dl_phdr_info, dlpi_adds), data);
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE

INSIDE int _dl_find_object(void *address, struct dl_find_object *found)
{
	const char *start = (const char *)&__ehdr_start;
	if ((uintptr_t)address < (uintptr_t)start || (uintptr_t)address >= (uintptr_t)_end)
		return -1;
	const ElfW(Phdr) *segments = (const void *)(start + __ehdr_start.e_phoff);
	for (int i = 0; i < __ehdr_start.e_phnum; i++) {
		if (segments[i].p_type != PT_GNU_EH_FRAME)
			continue;
		found->dlfo_flags = 0;
		found->dlfo_map_start = (void *)start;
		found->dlfo_map_end = (void *)_end;
		found->dlfo_link_map = NULL;
		found->dlfo_eh_frame = (void *)(start + segments[i].p_vaddr);
		return 0;
	}
	return -1;
}
#endif

#ifdef __aarch64__

/* Constructors of libgcc and of Rust's compiler-builtins query the processor's features with it. musl has only getauxval. */
extern unsigned long getauxval(unsigned long type);
INSIDE unsigned long __getauxval(unsigned long type) { return getauxval(type); }

/* A distribution may build compiler-builtins with -fstack-protector. The guard is the loader's symbol, without which the library
   would need a second DT_NEEDED entry; the functions that use this one run before any lookup and take no input. */
INSIDE uintptr_t __stack_chk_guard = (uintptr_t)0x6e73735f62797000;
INSIDE void __stack_chk_fail(void) { __wrap_abort(); }

#endif
