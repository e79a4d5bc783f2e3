/* A library that causes harm when it is loaded. The kind of harm depends on the name of its file. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is(const char *path, const char *kind)
{
	return strstr(path, kind) != NULL;
}

static void say(int descriptor)
{
	if (write(descriptor, "here I am\n", 10) < 0)
		_exit(3);
}

__attribute__((constructor)) static void do_harm(void)
{
	Dl_info here;
	if (dladdr((void *)is, &here) == 0)
		return;
	if (is(here.dli_fname, "speaks"))
		say(STDOUT_FILENO);
	if (is(here.dli_fname, "warns"))
		say(STDERR_FILENO);
	if (is(here.dli_fname, "crashes"))
		abort();
	if (is(here.dli_fname, "ends"))
		_exit(7);
	if (is(here.dli_fname, "hangs"))
		pause();
	/* Harmless until it is listed in the file. */
	if (is(here.dli_fname, "waits") && getenv("LD_PRELOAD") == NULL)
		abort();
}
