/* Threads that leave a lookup before its end, by cancellation or siglongjmp: leaving SCENARIO COUNT [bare]

   The process lives, lookups go on, are still ours and follow the configuration, and no more is left behind than by
   bare glibc, whose numbers are printed by the same program. */

#define WITH_CLOCK
#include "checks.h"
#include "older.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Whether this thread, or another, sees a change of the configuration at once. */
static const char *wanted;

static void *sees_change(void *seen)
{
	char answer[ANSWER];
	look_up("gai", "okzok2zok3_nodata.m.example", answer);
	*(int *)seen = strcmp(answer, wanted) == 0;
	return NULL;
}

static int follows_changes(int server)
{
	char rules[256];
	int here, there;
	wanted = server == 54 ? "192.0.2.1 192.0.2.2" : "192.0.2.1 192.0.2.2 192.0.2.3";
	sprintf(rules,
		"bypass *.m.example 192.0.2.0/24 via 127.0.0.%d timeout 5 attempts 3\n"
		"bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n", server);
	put("/etc/nss-bypass.conf", rules, 0);
	look_again();
	sees_change(&here);
	pthread_join(start(sees_change, &there), NULL);
	return here && there;
}

/* Whether lookups are as ever. */
static const char *aftermath(void)
{
	int right = bare || (follows_changes(55) && follows_changes(54) && follows_changes(55) && follows_changes(54));
	right &= wrong_answers(1) == 0;
	failures += !right && !bare;
	return right ? "afterwards all is well" : "AFTERWARDS LOOKUPS ARE WRONG";
}

/* ---- Cancellation ---- */

static const struct {
	const char *label, *name, *kind;
} slow_ones[] = {
	{ "a matched getaddrinfo", "drop_drop.short.example", "gai" },
	{ "a matched getaddrinfo over TCP", "tchang_tchang.short.example", "gai" },
	{ "a passed getaddrinfo", "drop_drop.t.example", "gai" },
	{ "a passed getaddrinfo over TCP", "tchang_tchang.t.example", "gai" },
	{ "a matched gethostbyname", "drop_drop.short.example", "ghbn" },
};
/* Bare, the last one hangs: gethostbyname holds a lock of its own. */
enum { MATCHED = 0, PASSED = 2, STATIC = 4, END = 5 };

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
	/* Deferred, and owning a list: only now. */
	for (;;)
		pause_for(0.01), pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

/* So many at once; the longest that one took to end. */
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

/* Its own timeout is one second for one server, asked once. */
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
		    2 * count, "%d ended, %d cleaned up; %d descriptors and %ld bytes left by one; %s", ended, cleaned,
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

/* Calls of getaddrinfo, each in a thread that has been told to end: libc's lookups notice that in a system call, and what
   asks nobody makes none of these. */
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
	row(returned != UNASKED || ended != UNASKED, "pthread_cancel before a getaddrinfo that asks nobody", UNASKED,
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
		pause_for(0.03);
		pthread_kill(thread, SIGUSR1);
		pthread_join(thread, &result);
		ended += result == (void *)7;
	}
	int left = count_descriptors() - before;
	row(ended != count || cleaned != count, "pthread_exit in a signal's handler during a passed lookup", count,
	    "%d ended, %d cleaned up; %d descriptors left by one; %s", ended, cleaned, left / count, aftermath());
}

/* ---- siglongjmp ---- */

static sigjmp_buf before_lookup;

static void jump(int unused)
{
	(void)unused;
	siglongjmp(before_lookup, 1);
}

/* Looks up deeper in the stack than any lookup that was left. */
static __attribute__((noinline)) int deeper_wrong_answers(void)
{
	volatile char room[65536];
	room[0] = room[sizeof room - 1] = 1;
	return wrong_answers(!bare) + !room[0];
}

static void *wrong_elsewhere(void *wrong)
{
	*(int *)wrong = wrong_answers(!bare);
	return NULL;
}

/* Microseconds until the alarm. */
static int patience = 50000;

/* What old curl did: an alarm, and a jump out of its handler. */
static int jump_out_of(int which, int count)
{
	char condition[128];
	/* volatile: they change between sigsetjmp and siglongjmp. */
	volatile int jumped = 0, wrong = 0, i, before = 0;
	volatile size_t used = 0;
	handle(SIGALRM, jump, 0);
	for (i = 0; i <= count; i++) {
		if (i == 1) {
			before = count_descriptors();
			used = mallinfo2().uordblks;
		}
		if (sigsetjmp(before_lookup, 1) == 0) {
			char answer[ANSWER];
			setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, patience } }, NULL);
			look_up(slow_ones[which].kind, slow_ones[which].name, answer);
			setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
		} else {
			jumped++;
		}
		int elsewhere = 0;
		wrong += wrong_answers(!bare);
		if (i % 8 == 0) {
			wrong += deeper_wrong_answers();
			pthread_join(start(wrong_elsewhere, &elsewhere), NULL);
			wrong += elsewhere;
		}
	}
	int left = count_descriptors() - before;
	long grown = ((long)mallinfo2().uordblks - (long)used) / count;
	snprintf(condition, sizeof condition, "siglongjmp out of %s, next lookups here and elsewhere", slow_ones[which].label);
	row(wrong > 0 || jumped != count + 1 || grown > 16384, condition, count + 1, "%d jumps, %d wrong; %ld bytes left by one; %s",
	    jumped, wrong, grown < 0 ? 0 : grown, aftermath());
	return left;
}

static void jump_matched(int count)
{
	jump_out_of(MATCHED, count);
	jump_out_of(MATCHED + 1, count);
}

static void jump_passed(int count)
{
	jump_out_of(PASSED, count);
	jump_out_of(PASSED + 1, count);
}

/* glibc keeps a lookup's sockets in the thread's _res, where the next one finds and closes them. */
static void jump_descriptors(int count)
{
	patience = 250000; /* Whose socket is whose is known once a lookup waits. */
	for (int which = MATCHED; which < STATIC; which++) {
		char condition[128];
		int left = jump_out_of(which, count);
		snprintf(condition, sizeof condition, "descriptors left by siglongjmp out of %s", slow_ones[which].label);
		row(left > 2, condition, count, "%d", left);
	}
}

static void jump_static(int count)
{
	jump_out_of(STATIC, count);
}

/* ---- Jumps out of every system call ---- */

/* The program's own functions before libc's: they jump when it is their turn. The first call of them comes from an
   ordinary place, so that finding libc's is no lookup of the loader's that a jump could leave. */
static int calls, turn;

static void take_turn(void)
{
	if (turn > 0 && ++calls == turn) {
		turn = 0;
		raise(SIGUSR2);
	}
}

#define BEFORE(type, name, parameters, arguments)                                          \
	type name parameters                                                               \
	{                                                                                  \
		static __typeof__(name) *real;                                             \
		if (real == NULL)                                                          \
			real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                \
		take_turn();                                                               \
		return real arguments;                                                     \
	}

BEFORE(int, socket, (int family, int kind, int protocol), (family, kind, protocol))
BEFORE(int, connect, (int socket, const struct sockaddr *to, socklen_t length), (socket, to, length))
BEFORE(int, sendmmsg, (int socket, struct mmsghdr *all, unsigned count, int flags), (socket, all, count, flags))
BEFORE(ssize_t, send, (int socket, const void *bytes, size_t length, int flags), (socket, bytes, length, flags))
BEFORE(ssize_t, recv, (int socket, void *bytes, size_t length, int flags), (socket, bytes, length, flags))
BEFORE(ssize_t, recvfrom,
       (int socket, void *restrict bytes, size_t length, int flags, struct sockaddr *restrict from,
	socklen_t *restrict size),
       (socket, bytes, length, flags, from, size))
BEFORE(int, poll, (struct pollfd * all, nfds_t count, int timeout), (all, count, timeout))
BEFORE(int, close, (int descriptor), (descriptor))
BEFORE(ssize_t, read, (int descriptor, void *bytes, size_t length), (descriptor, bytes, length))
#if __GLIBC_PREREQ(2, 33) /* before that, there are no such functions */
BEFORE(int, stat, (const char *restrict path, struct stat *restrict status), (path, status))
BEFORE(int, fstat, (int descriptor, struct stat *status), (descriptor, status))
#endif

static void jump_from_each(int is_deeper, const char *condition)
{
	volatile int place, wrong = 0, jumped = 0, has_jumped;
	handle(SIGUSR2, jump, 0);
	wrong_answers(1);
	for (place = 1; place < 500; place++) {
		has_jumped = 0;
		if (sigsetjmp(before_lookup, 1) == 0) {
			char answer[ANSWER];
			calls = 0;
			turn = place;
			look_up("canon", "tc40_tc40.m.example", answer);
			turn = 0;
		} else {
			has_jumped = 1;
		}
		wrong += is_deeper ? deeper_wrong_answers() : wrong_answers(1);
		if (!has_jumped)
			break;
		jumped++;
	}
	row(wrong > 0 || jumped < 10, condition, jumped, "%d wrong; %s", wrong, aftermath());
}

static void jump_everywhere(int unused)
{
	(void)unused;
	jump_from_each(0, "siglongjmp out of each function that a matched lookup calls");
}

static void jump_deeper(int unused)
{
	(void)unused;
	jump_from_each(1, "siglongjmp out of each such function, next lookup deeper in the stack");
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "cancel-deferred", cancel_deferred }, { "cancel-asynchronous", cancel_asynchronous },
		{ "cancel-static", cancel_static }, { "cancel-unasked", cancel_unasked }, { "exit-passed", exit_passed }, { "jump-matched", jump_matched },
		{ "jump-passed", jump_passed }, { "jump-static", jump_static }, { "jump-descriptors", jump_descriptors },
		{ "jump-everywhere", jump_everywhere }, { "jump-deeper", jump_deeper }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
