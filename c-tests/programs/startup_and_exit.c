/* Lookups at unusual times: before any constructor has run, and during process exit.
   startup_and_exit moments COUNT. Compiled as a library, it does the same for the library. */

#include "scenarios.h"

#ifdef __PIE__
#define WHO "a program's "
#else
#define WHO "another library's "
#endif

/* A function of libc for destructors of thread-local variables, as in C++. */
extern int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *library);
extern void *__dso_handle;

/* Prints a line without stdio, which is not yet initialised or already closed. */
static void look_now(const char *moment)
{
	char line[256];
	int wrong = wrong_answers(1);
	int length = snprintf(line, sizeof line, "= lookups in %s | %d | %d wrong%s\n", moment, KINDS, wrong,
			      wrong ? " WRONG" : "");
	failures += wrong != 0;
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(3);
}

static void in_constructor(void)
{
	look_now(WHO "constructor");
}

static void in_destructor(void)
{
	look_now(WHO "destructor");
	if (failures)
		_exit(1);
}

static void in_atexit(void)
{
	look_now(WHO "atexit(3) handler");
}

static void in_main_variable(void *unused)
{
	(void)unused;
	look_now(WHO "destructor of the main thread's variable");
}

static void in_variable(void *unused)
{
	(void)unused;
	look_now(WHO "destructor of a thread's variable");
}

static pthread_key_t key;

/* Repeated until the last iteration that POSIX guarantees. */
static void in_key(void *rounds)
{
	size_t left = (size_t)rounds;
	if (left > 1) {
		pthread_setspecific(key, (void *)(left - 1));
		return;
	}
	look_now(WHO "destructor of a thread's key, the last round");
}

static void *with_destructors(void *unused)
{
	pthread_setspecific(key, (void *)(size_t)PTHREAD_DESTRUCTOR_ITERATIONS);
	__cxa_thread_atexit_impl(in_variable, NULL, &__dso_handle);
	return unused;
}

static void begin(void)
{
	in_constructor();
	atexit(in_atexit);
	__cxa_thread_atexit_impl(in_main_variable, NULL, &__dso_handle);
	pthread_key_create(&key, in_key);
	/* A thread that performs its first lookup in a destructor. */
	pthread_join(start(with_destructors, NULL), NULL);
}

__attribute__((section(".init_array"), used)) static void (*const at_begin)(void) = begin;
__attribute__((section(".fini_array"), used)) static void (*const at_end)(void) = in_destructor;

#ifdef __PIE__

/* Before 2.32, libc is not initialised at this time, and its own lookups crash. */
#if __GLIBC_PREREQ(2, 32)
static void before_all(void)
{
	look_now(WHO ".preinit_array, before any constructor");
}

__attribute__((section(".preinit_array"), used)) static void (*const at_first)(void) = before_all;
#endif

static void moments(int unused)
{
	(void)unused;
	look_now(WHO "main");
	/* A thread for which the end of main does not wait. */
	start(with_destructors, NULL);
	pause_for(0.5);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = { { "moments", moments }, { NULL, NULL } };
	return run_scenario(argc, argv, scenarios);
}

#endif
