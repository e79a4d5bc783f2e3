/* Threads that end during a lookup by pthread_cancel or pthread_exit: cancel SCENARIO COUNT [bare] */

#include "left_lookups.h"

enum { MOST = 100 };

static int type, cleaned;
static volatile int began;

static void clean_up(void *unused)
{
	(void)unused;
	__atomic_fetch_add(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void *look_up_slow(void *argument)
{
	int old, which = (int)(size_t)argument;
	char answer[ANSWER];
	pthread_setcanceltype(type, &old);
	pthread_cleanup_push(clean_up, NULL);
	__atomic_fetch_add(&began, 1, __ATOMIC_SEQ_CST);
	look_up(slow_ones[which].kind, slow_ones[which].name, answer);
	/* Deferred, and with ownership of a list: only now. */
	for (;;)
		pause_for(0.01), pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

/* Cancels this number of threads, and returns the longest time that one took to end. */
static double cancel_some(int which, int count, int *ended)
{
	pthread_t threads[MOST];
	void *result;
	began = 0;
	for (int i = 0; i < count; i++)
		threads[i] = start(look_up_slow, (void *)(size_t)which);
	while (began < count)
		pause_for(0.001);
	pause_for(0.05);
	double begun = now();
	for (int i = 0; i < count; i++)
		pthread_cancel(threads[i]);
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], &result);
		*ended += result == PTHREAD_CANCELED;
	}
	return now() - begun;
}

/* The timeout of the lookup is one second, with one server and one attempt. */
static void cancel_type(int wanted, const char *word, int count, int from, int to)
{
	type = wanted;
	for (int which = from; which < to; which++) {
		char condition[128];
		int ended = 0, is_ours = strstr(slow_ones[which].name, ".short.") != NULL;
		cleaned = 0;
		cancel_some(which, count, &ended);
		int before = count_descriptors();
		size_t used = mallinfo2().uordblks;
		double longest = cancel_some(which, count, &ended);
		int left = count_descriptors() - before;
		long grown = ((long)mallinfo2().uordblks - (long)used) / count;
		snprintf(condition, sizeof condition, "pthread_cancel, %s, of %s", word, slow_ones[which].label);
		row(ended != 2 * count || cleaned != 2 * count || (is_ours && (left > 0 || longest > 5 || grown > 512)), condition,
		    2 * count, "%d ended, %d cleaned up; %d descriptors and %ld bytes leaked by each; %s", ended, cleaned,
		    left / count, grown < 0 ? 0 : grown, aftermath());
	}
}

static void cancel_deferred(int count)
{
	cancel_type(PTHREAD_CANCEL_DEFERRED, "deferred", count, MATCHED, STATIC);
}

static void cancel_asynchronous(int count)
{
	cancel_type(PTHREAD_CANCEL_ASYNCHRONOUS, "asynchronous", count, MATCHED, STATIC);
}

static void cancel_static(int count)
{
	cancel_type(PTHREAD_CANCEL_DEFERRED, "deferred", count, STATIC, END);
}

/* Calls of getaddrinfo, each in a thread that has been cancelled. Lookups of libc act on this in system calls that are
   cancellation points, which lookups without queries do not make. */
static const struct {
	const char *node, *service;
	int flags, family, kind;
} unasked[] = {
	{ "name.m.example", NULL, AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM },
	{ "name.m.example", "80", AI_NUMERICHOST, AF_INET, SOCK_STREAM },
	{ "192.0.2.1", NULL, AI_NUMERICHOST, AF_INET, SOCK_STREAM },
	{ "192.0.2.1", NULL, 0, AF_INET6, SOCK_STREAM },
	{ NULL, "80", 0, AF_INET, SOCK_STREAM },
	{ NULL, NULL, 0, AF_INET, SOCK_STREAM },
	{ "name.m.example", NULL, 0, 99, SOCK_STREAM },
	{ "name.m.example", NULL, 0, AF_INET, 99 },
	{ "name.m.example", "80x", AI_NUMERICSERV, AF_INET, SOCK_STREAM },
	{ "name.m.example", NULL, 0x8000, AF_INET, SOCK_STREAM },
	{ "\xff.m.example", NULL, AI_IDN, AF_INET, SOCK_STREAM },
};
enum { UNASKED = sizeof unasked / sizeof *unasked };

static volatile int returned;

static void *call_cancelled(void *argument)
{
	size_t which = (size_t)argument;
	struct addrinfo hints = { .ai_flags = unasked[which].flags, .ai_family = unasked[which].family,
				  .ai_socktype = unasked[which].kind }, *list = NULL;
	pthread_cancel(pthread_self());
	getaddrinfo(unasked[which].node, unasked[which].service, &hints, &list);
	returned++;
	if (list != NULL)
		freeaddrinfo(list);
	pthread_testcancel();
	return NULL;
}

static void cancel_unasked(int unused)
{
	void *result;
	int ended = 0;
	(void)unused;
	for (size_t i = 0; i < UNASKED; i++) {
		pthread_join(start(call_cancelled, (void *)i), &result);
		ended += result == PTHREAD_CANCELED;
	}
	row(returned != UNASKED || ended != UNASKED, "pthread_cancel before a getaddrinfo without queries", UNASKED,
	    "%d returned, %d ended after that", returned, ended);
}

/* ---- pthread_exit in a handler ---- */

static void exit_here(int unused)
{
	(void)unused;
	pthread_exit((void *)7);
}

static void exit_passed(int count)
{
	int ended = 0, which = PASSED;
	void *result;
	type = PTHREAD_CANCEL_DEFERRED;
	handle(SIGUSR1, exit_here, 0);
	cleaned = 0;
	int before = count_descriptors();
	for (int i = 0; i < count; i++) {
		began = 0;
		pthread_t thread = start(look_up_slow, (void *)(size_t)which);
		while (!began)
			pause_for(0.001);
		pause_for(0.2);
		pthread_kill(thread, SIGUSR1);
		pthread_join(thread, &result);
		ended += result == (void *)7;
	}
	int left = count_descriptors() - before;
	row(ended != count || cleaned != count, "pthread_exit in a signal handler during a passed lookup", count,
	    "%d ended, %d cleaned up; %d descriptors leaked by each; %s", ended, cleaned, left / count, aftermath());
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "deferred", cancel_deferred }, { "asynchronous", cancel_asynchronous }, { "static", cancel_static },
		{ "unasked", cancel_unasked }, { "exit-passed", exit_passed }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
