/* What the library imports and glibc 2.17 does not have, or has in libdl and libpthread, which it moved into libc in 2.34.
   To need those two would cost every start of a program twice what the library itself does, and start threads' locks in
   programs without threads. So what may be missing is weak and without a version, and calls go through here: the linker
   writes __wrap_NAME where the library says NAME, and NAME where this file says __real_NAME (ld(1), --wrap). Nothing
   here is exported. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define INSIDE __attribute__((visibility("hidden")))

typedef void *(*dlsym_function)(void *, const char *);
typedef void *(*dlopen_function)(const char *, int);
typedef char *(*dlerror_function)(void);

/* RTLD_NEXT counts from whoever calls dlsym: this file is part of the library. */
extern void *__real_dlsym(void *, const char *) __attribute__((weak));
extern void *__real_dlopen(const char *, int) __attribute__((weak));

/* How libc loads modules itself. Both are in every glibc from 2.17 to 2.33, the only ones where they are called. */
extern void *__libc_dlopen_mode(const char *, int) __attribute__((weak));
extern void *__libc_dlsym(void *, const char *) __attribute__((weak));
#define RTLD_DLOPEN_ 0x80000000 /* what dlopen itself adds: __RTLD_DLOPEN */

static void *in_library(const char *file, const char *name)
{
	if (__libc_dlopen_mode == NULL || __libc_dlsym == NULL)
		return NULL;
	void *library = __libc_dlopen_mode(file, (int)(RTLD_LAZY | RTLD_DLOPEN_));
	return library == NULL ? NULL : __libc_dlsym(library, name);
}

/* A function of libdl, in a program that is not linked against it. libdl then stays loaded. */
static void *in_libdl(const char *name)
{
	static int missing;
	if (__atomic_load_n(&missing, __ATOMIC_RELAXED))
		return NULL;
	void *found = in_library("libdl.so.2", name);
	if (found == NULL)
		__atomic_store_n(&missing, 1, __ATOMIC_RELAXED);
	return found;
}

INSIDE void *__wrap_dlsym(void *handle, const char *name)
{
	static void *late;
	void *found = (void *)__real_dlsym;
	if (found == NULL)
		found = __atomic_load_n(&late, __ATOMIC_ACQUIRE);
	if (found == NULL) {
		found = in_libdl("dlsym");
		__atomic_store_n(&late, found, __ATOMIC_RELEASE);
	}
	/* A system may have been made of the few files that its program names, without libdl. Then nothing else can be meant
	   but libc's own. */
	if (found == NULL)
		return in_library("libc.so.6", name);
	/* Not a tail call: the address that it returns to tells dlsym who asks. */
	void *volatile address = ((dlsym_function)found)(handle, name);
	return address;
}

INSIDE void *__wrap_dlopen(const char *file, int mode)
{
	void *found = (void *)__real_dlopen;
	if (found == NULL)
		found = in_libdl("dlopen");
	void *volatile handle = found == NULL ? NULL : ((dlopen_function)found)(file, mode);
	return handle;
}

extern char *__real_dlerror(void) __attribute__((weak));

INSIDE char *__wrap_dlerror(void)
{
	void *found = (void *)__real_dlerror;
	if (found == NULL)
		found = in_libdl("dlerror");
	return found == NULL ? NULL : ((dlerror_function)found)();
}

/* A program that calls getaddrinfo_a has libpthread, if perhaps only since a dlopen. (pthread_create is looked up: libgcc
   has a __wrap_pthread_create of its own, which GNU's linker finds first.) */

extern int __real_pthread_attr_setstacksize(pthread_attr_t *, size_t) __attribute__((weak));
extern void __real_pthread_testcancel(void) __attribute__((weak));

INSIDE int __wrap_pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size)
{
	return __real_pthread_attr_setstacksize == NULL ? EINVAL : __real_pthread_attr_setstacksize(attributes, size);
}

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

INSIDE int __wrap___register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void), void *library)
{
	return __real___register_atfork == NULL ? ENOSYS : __real___register_atfork(before, parent, child, library);
}

extern const char *__real_gnu_get_libc_version(void) __attribute__((weak));

INSIDE const char *__wrap_gnu_get_libc_version(void)
{
	return __real_gnu_get_libc_version == NULL ? "" : __real_gnu_get_libc_version();
}

/* Functions since 2.33. Before that they were inline, and __xstat the function behind them: the kernel is asked with the
   call that the rest of libc asks it with, which a sandbox lets through. struct stat and struct stat64 are one here. */

extern int __real_stat(const char *, struct stat *) __attribute__((weak));
extern int __real_fstat(int, struct stat *) __attribute__((weak));
extern int __xstat(int version, const char *, struct stat *) __attribute__((weak));
extern int __fxstat(int version, int, struct stat *) __attribute__((weak));
#define STAT_VERSION 1 /* _STAT_VER_LINUX */

INSIDE int __wrap_stat(const char *path, struct stat *status)
{
	return __real_stat != NULL ? __real_stat(path, status) : __xstat(STAT_VERSION, path, status);
}

INSIDE int __wrap_fstat(int descriptor, struct stat *status)
{
	return __real_fstat != NULL ? __real_fstat(descriptor, status) : __fxstat(STAT_VERSION, descriptor, status);
}

INSIDE int stat64(const char *path, struct stat64 *status)
{
	return __wrap_stat(path, (struct stat *)status);
}

INSIDE int fstat64(int descriptor, struct stat64 *status)
{
	return __wrap_fstat(descriptor, (struct stat *)status);
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE
/* The unwinder that is linked in asks for the tables of the object that has an address (glibc 2.35). Panics are all that it
   unwinds, and they never leave the library, so its own tables are enough: no lock of the loader's is taken. */

/* Both are defined by the linker. */
extern const ElfW(Ehdr) __ehdr_start INSIDE;
extern const char _end[] INSIDE;

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
