/* Asynchronous lookups: async SCENARIO prints all that a caller can see of it, and nothing that chance decides.

   Names end in ".half.example" for every second request, so that a rule can take half of a list away from libc. The
   scenarios at the end, "beyond", are those in which glibc itself hangs or stops. */

#include "facts.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 400, THREADS = 20 };

/* As the library takes them to be. */
#define IS(name, type) _Static_assert(__builtin_types_compatible_p(__typeof__(name), type), #name)
#define AT(type, field, place) _Static_assert(offsetof(type, field) == (place), #field)
IS(getaddrinfo_a, int(int, struct gaicb **, int, struct sigevent *));
IS(gai_suspend, int(const struct gaicb *const *, int, const struct timespec *));
IS(gai_cancel, int(struct gaicb *));
AT(struct gaicb, ar_result, 24);
AT(struct gaicb, __return, 32);
AT(struct sigevent, sigev_signo, 8);
AT(struct sigevent, sigev_notify, 12);
AT(struct sigevent, sigev_notify_function, 16);
AT(struct sigevent, sigev_notify_attributes, 24);
AT(siginfo_t, si_pid, 16);
AT(siginfo_t, si_value, 24);

static struct gaicb requests[MOST], *list[MOST];
static const struct gaicb *const *const watched = (const struct gaicb *const *)list;
static char names[MOST][128];
static int count;

/* ---- Requests ---- */

static const char *code_name(int code)
{
	static const struct named table[] = {
		{ "EAI_INPROGRESS", EAI_INPROGRESS }, { "EAI_CANCELED", EAI_CANCELED },
		{ "EAI_NOTCANCELED", EAI_NOTCANCELED }, { "EAI_ALLDONE", EAI_ALLDONE }, { "EAI_INTR", EAI_INTR }, { NULL, 0 },
	};
	const char *name = name_of(code, table);
	return *name == '?' ? eai_name(code) : name;
}

/* Every second name is the other half's. */
static struct gaicb *add(const char *behaviour)
{
	struct gaicb *request = &requests[count];
	memset(request, 0, sizeof *request);
	snprintf(names[count], sizeof names[count], "%s.%s.example", behaviour, count % 2 == 0 ? "t" : "half");
	request->ar_name = names[count];
	request->ar_result = (void *)1;
	list[count++] = request;
	return request;
}

static void add_many(int number, const char *behaviour)
{
	for (int i = 0; i < number; i++)
		add(behaviour);
}

static void show(const char *what, int code)
{
	printf("%s: %s\n", what, code_name(code));
}

static void print_request(const struct gaicb *request)
{
	int code = gai_error((struct gaicb *)request);
	printf("  ");
	print_text(request->ar_name);
	printf(" %s", code_name(code));
	if (code != 0 && request->ar_result != (void *)1)
		fputs(" RESULT-TOUCHED", stdout);
	for (struct addrinfo *node = code == 0 ? request->ar_result : NULL; node != NULL; node = node->ai_next)
		print_node(node);
	putchar('\n');
}

static void print_all(void)
{
	for (int i = 0; i < count; i++)
		if (list[i] != NULL)
			print_request(list[i]);
}

static void free_all(void)
{
	for (int i = 0; i < count; i++)
		if (list[i] != NULL && gai_error(list[i]) == 0)
			free_backwards(list[i]->ar_result);
	count = 0;
}

static void print_summary(void)
{
	int done = 0, failed = 0, pending = 0;
	for (int i = 0; i < count; i++) {
		int code = gai_error(list[i]);
		code == 0 ? done++ : code == EAI_INPROGRESS ? pending++ : failed++;
	}
	printf("  %d found, %d not, %d in progress\n", done, failed, pending);
}

static void sleep_ms(int milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
	while (nanosleep(&time, &time) != 0)
		continue;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Not by gai_suspend: glibc forgets to take a waiter off a request that ends just when the wait does. */
static void wait_for_all(void)
{
	for (int i = 0; i < count; i++)
		while (list[i] != NULL && gai_error(list[i]) == EAI_INPROGRESS)
			sleep_ms(1);
}

/* In halves of a second, rounded down: the machine may be busy. */
static double since(double start)
{
	return (int)((now() - start) * 2) / 2.0;
}

static const struct timespec *milliseconds(long number)
{
	static struct timespec time;
	time = (struct timespec){ number / 1000, number % 1000 * 1000000 };
	return &time;
}

/* ---- What threads there are ---- */

static int threads(void)
{
	int number = 0;
	DIR *folder = opendir("/proc/self/task");
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		number += entry->d_name[0] != '.';
	closedir(folder);
	return number;
}

/* Their blocked signals, but for this thread's. */
static void print_masks(void)
{
	DIR *folder = opendir("/proc/self/task");
	char path[300], line[256], first[256] = "";
	int differing = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == gettid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		FILE *file = fopen(path, "r");
		while (file != NULL && fgets(line, sizeof line, file) != NULL)
			if (strncmp(line, "SigBlk", 6) == 0) {
				if (first[0] == '\0')
					strcpy(first, line);
				differing += strcmp(first, line) != 0;
			}
		if (file != NULL)
			fclose(file);
	}
	closedir(folder);
	printf("%d threads have other masks than %s", differing, first);
}

/* ---- Lists that are waited for ---- */

static void fill(void)
{
	static struct addrinfo hints[8];
	static const char *const behaviours[] = { "ok_ok", "nx_nx", "nodata_ok", "servfail_servfail", "cname_cname", "tc_tc",
						  "ok3_ok3", "slow3_ok", "drop_drop", "drop_ok", "rev_rev", "ok_nx" };
	for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
		add(behaviours[i]), add(behaviours[i]);
	list[count++] = NULL;
	add("ok_ok")->ar_name = "192.0.2.1";
	add("ok_ok")->ar_name = "fe80::1%lo";
	add("ok_ok")->ar_name = "localhost";
	add("ok_ok")->ar_name = "v4only";
	add("ok_ok")->ar_name = "";
	add("ok_ok")->ar_name = NULL;
	struct gaicb *request = add("ok_ok");
	request->ar_name = NULL, request->ar_service = "80";
	request = add("ok_ok");
	request->ar_name = NULL, request->ar_service = "80", request->ar_request = &hints[0];
	hints[0].ai_flags = AI_PASSIVE, hints[0].ai_socktype = SOCK_DGRAM;
	list[count++] = NULL;
	hints[1].ai_flags = 0x40000000;
	hints[2].ai_family = 77;
	hints[3].ai_socktype = 77;
	hints[4].ai_flags = AI_CANONNAME, hints[4].ai_family = AF_INET;
	hints[5].ai_flags = AI_NUMERICHOST;
	hints[6].ai_flags = AI_V4MAPPED | AI_ALL, hints[6].ai_family = AF_INET6, hints[6].ai_socktype = SOCK_STREAM;
	for (int i = 1; i < 7; i++) {
		add("cname_ok")->ar_request = &hints[i];
		add("cname_ok")->ar_request = &hints[i];
	}
	add("ok_ok")->ar_service = "53";
	add("ok_ok")->ar_service = "no-such-service";
}

static void wait_mode(void)
{
	fill();
	show("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, list, count, NULL));
	print_all();
	show("gai_suspend", gai_suspend(watched, count, NULL));
	show("gai_cancel", gai_cancel(list[0]));
	free_all();
	/* The event does not count in this mode. */
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	add_many(3, "ok_ok");
	show("with an event", getaddrinfo_a(GAI_WAIT, list, count, &event));
	print_all();
	free_all();
}

static void nowait_mode(void)
{
	fill();
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	wait_for_all();
	print_all();
	free_all();
	add("slow2_ok"), add("slow4_ok"), add("ok_slow6"), add("slow8_slow8");
	show("some", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	for (int i = 0; i < 5; i++)
		show("gai_suspend", gai_suspend(watched, count, NULL)), print_summary();
	print_all();
	free_all();
	/* Whoever only asks how it stands sees the result with the code. */
	add_many(4, "slow2_ok");
	errno = UNTOUCHED_ERRNO;
	show("again", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	print_errno(errno);
	wait_for_all();
	print_all();
	free_all();
}

static void arguments(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	add_many(2, "ok_ok");
	for (int mode = -1; mode < 4; mode += mode == -1 ? 3 : 1) {
		errno = UNTOUCHED_ERRNO;
		show("another mode", getaddrinfo_a(mode, list, count, &event));
		print_errno(errno);
		putchar('\n');
		print_summary();
	}
	for (int mode = GAI_WAIT; mode <= GAI_NOWAIT; mode++) {
		struct gaicb *nothing[3] = { NULL };
		show("no requests", getaddrinfo_a(mode, list, 0, NULL));
		show("less than none", getaddrinfo_a(mode, list, -1, NULL));
		show("no entries", getaddrinfo_a(mode, nothing, 3, NULL));
	}
	show("gai_suspend of nothing", gai_suspend(watched, 0, NULL));
	show("gai_suspend of requests never made", gai_suspend(watched, 2, milliseconds(10)));
	show("gai_cancel of a request never made", gai_cancel(list[0]));
	show("gai_cancel of none", gai_cancel(NULL));
	requests[0].__return = EAI_INPROGRESS;
	show("gai_suspend of what only looks like one", gai_suspend(watched, 2, NULL));
	show("gai_cancel of what only looks like one", gai_cancel(list[0]));
	/* The same request again, and a list that is only partly new. */
	for (int i = 0; i < 3; i++) {
		show("once more", getaddrinfo_a(GAI_WAIT, list, count, NULL));
		print_all();
		freeaddrinfo(list[0]->ar_result), freeaddrinfo(list[1]->ar_result);
	}
}

/* ---- How a program hears of it ---- */

static void wait_for_signal(int number, int limit)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, number);
	memset(&info, FILLER, sizeof info);
	if (sigtimedwait(&set, &info, milliseconds(limit)) < 0) {
		printf("  no signal: %s\n", strerror(errno));
		return;
	}
	printf("  signal %d code=%d errno=%d pid=%s uid=%s value=%p\n", info.si_signo == number, info.si_code, info.si_errno,
	       info.si_pid == getpid() ? "own" : "OTHER", info.si_uid == getuid() ? "own" : "OTHER", info.si_value.sival_ptr);
	print_summary();
}

static void block_signals(void)
{
	sigset_t set;
	sigfillset(&set);
	sigdelset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void signals(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	block_signals();
	for (int i = 0; i < 3; i++) {
		event.sigev_value.sival_ptr = (void *)(0x1234567890 + i);
		event.sigev_signo = i == 2 ? SIGUSR1 : SIGRTMIN + i;
		int signo = event.sigev_signo;
		add("slow3_ok"), add("ok_ok"), add("nx_nx"), add("ok_slow2");
		list[count++] = NULL;
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count--, &event));
		/* It was copied. */
		memset(&event, FILLER, sizeof event);
		wait_for_signal(signo, 5000);
		wait_for_signal(signo, 200);
		print_all();
		free_all();
		memset(&event, 0, sizeof event);
		event.sigev_notify = SIGEV_SIGNAL;
	}
	static struct gaicb *nothing[2];
	event.sigev_signo = SIGRTMIN + 1;
	show("nothing to do", getaddrinfo_a(GAI_NOWAIT, nothing, 2, &event));
	wait_for_signal(SIGRTMIN + 1, 1000);
	event.sigev_signo = 1000;
	add_many(2, "ok_ok");
	show("no such signal", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	wait_for_all();
	print_all();
	free_all();
	event.sigev_signo = SIGRTMIN + 1;
	for (int kind = 3; kind < 7; kind++) {
		event.sigev_notify = kind == 3 ? SIGEV_NONE : kind;
		event._sigev_un._tid = gettid();
		add_many(2, "ok_ok");
		printf("kind %d, ", event.sigev_notify);
		show("without a notice", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
		wait_for_all();
		wait_for_signal(SIGRTMIN + 1, 200);
		free_all();
	}
}

/* The notice comes before gai_suspend returns. */
static volatile sig_atomic_t handled;

static void count_signal(int number)
{
	(void)number;
	handled++;
}

static void set_handler(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(number, &action, NULL);
}

static void handlers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	set_handler(SIGUSR1, count_signal, 0);
	for (int i = 0; i < 5; i++) {
		handled = 0;
		add("slow2_ok");
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
		show("gai_suspend", gai_suspend(watched, count, NULL));
		printf("handled=%d\n", handled);
		print_all();
		free_all();
	}
	/* Another list's signal interrupts a wait. */
	for (int i = 0; i < 3; i++) {
		handled = 0;
		add("slow10_ok"), add("slow2_ok");
		show("one", getaddrinfo_a(GAI_NOWAIT, list, 1, NULL));
		show("another", getaddrinfo_a(GAI_NOWAIT, list + 1, 1, &event));
		show("gai_suspend", gai_suspend(watched, 1, NULL));
		printf("handled=%d\n", handled);
		show("gai_suspend", gai_suspend(watched, 1, NULL));
		print_all();
		free_all();
	}
}

/* A handler that starts the next request, while the program waits for the one before. */
static volatile sig_atomic_t started;
static struct sigevent chain_event = { .sigev_notify = SIGEV_SIGNAL };

static void start_next(int number)
{
	(void)number;
	if (started < count) {
		struct gaicb **next = &list[started++];
		getaddrinfo_a(GAI_NOWAIT, next, 1, &chain_event);
	}
}

static void chain(void)
{
	sigset_t set, before;
	chain_event.sigev_signo = SIGUSR2;
	set_handler(SIGUSR2, start_next, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &before);
	add_many(10, "ok_ok");
	started = 1;
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, 1, &chain_event));
	while (started < count || gai_error(list[count - 1]) == EAI_INPROGRESS)
		sigsuspend(&before);
	print_all();
	free_all();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int called;
static pthread_t caller, first;
static void *called_with;

static void print_thread(void)
{
	pthread_attr_t attributes;
	sigset_t set;
	size_t stack = 0;
	int state = -1, blocked = 0;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getdetachstate(&attributes, &state);
	pthread_attr_getstacksize(&attributes, &stack);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (int i = 1; i < SIGRTMAX; i++)
		blocked += sigismember(&set, i) == 1;
	printf("  called: value=%p thread=%s detached=%d stack=%zu blocked=%d\n", called_with,
	       pthread_equal(pthread_self(), first) ? "FIRST" : "another", state == PTHREAD_CREATE_DETACHED, stack, blocked);
	print_summary();
}

static void notified(union sigval value)
{
	pthread_mutex_lock(&mutex);
	called_with = value.sival_ptr;
	print_thread();
	called++;
	caller = pthread_self();
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	if (((uintptr_t)value.sival_ptr & 1) != 0)
		pthread_exit(NULL);
}

static void wait_for_call(int number)
{
	pthread_mutex_lock(&mutex);
	while (called < number)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void notice_threads(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified };
	pthread_attr_t attributes;
	first = pthread_self();
	for (int i = 0; i < 6; i++) {
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, 640 * 1024);
		pthread_attr_setdetachstate(&attributes, i < 4 ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
		event.sigev_notify_attributes = i < 2 ? NULL : &attributes;
		event.sigev_value.sival_ptr = (void *)(0x7777777770 + i);
		add("slow2_ok"), add("ok_ok"), add("nx_nx"), add("ok_ok");
		pthread_mutex_lock(&mutex);
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, i < 5 ? count : 0, &event));
		pthread_mutex_unlock(&mutex);
		wait_for_call(i + 1);
		if (i >= 4)
			printf("joined: %d\n", pthread_join(caller, NULL));
		pthread_attr_destroy(&attributes);
		if (i < 5)
			print_all(), free_all();
		count = 0;
	}
	sleep_ms(100);
	printf("called %d times\n", called);
}

/* ---- Many ---- */

static void many(void)
{
	static const char *const behaviours[] = { "ok_ok", "nx_nx", "ok3_ok3", "cname_cname", "slow1_ok" };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	block_signals();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++)
			add(behaviours[i % 5]);
		show("200", getaddrinfo_a(round == 0 ? GAI_WAIT : GAI_NOWAIT, list, count, &event));
		if (round == 1)
			wait_for_signal(SIGRTMIN, 20000);
		print_summary();
		print_all();
		free_all();
	}
}

/* 200 signals of one number, each with its value, whatever their order. */
static void many_calls(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	char seen[200] = { 0 };
	int number = 0;
	sigset_t set;
	block_signals();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	add_many(200, "ok_ok");
	for (int i = 0; i < count; i++) {
		event.sigev_value.sival_int = i;
		if (getaddrinfo_a(GAI_NOWAIT, list + i, 1, &event) != 0)
			puts("FAILED");
	}
	for (siginfo_t info; number < count && sigtimedwait(&set, &info, milliseconds(20000)) >= 0; number++)
		if (seen[info.si_value.sival_int]++ != 0 || gai_error(list[info.si_value.sival_int]) != 0)
			puts("TWICE OR TOO EARLY");
	printf("%d signals\n", number);
	wait_for_signal(SIGRTMIN, 200);
	free_all();
}

static void concurrency(void)
{
	double start = now();
	add_many(40, "slow10_slow10");
	show("40 slow requests", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	sleep_ms(300);
	printf("%d threads\n", threads());
	print_masks();
	wait_for_all();
	printf("after %.0f seconds\n", now() - start);
	print_summary();
	free_all();
	sleep_ms(1600);
	printf("a while later: %d threads\n", threads());
	add_many(2, "ok_ok");
	show("again", getaddrinfo_a(GAI_WAIT, list, count, NULL));
	print_all();
	free_all();
}

static int suspends;

static void *submit_some(void *argument)
{
	struct gaicb own[20], *own_list[20];
	int good = 0;
	for (int i = 0; i < 20; i++) {
		own[i] = (struct gaicb){ .ar_name = i % 2 == 0 ? "ok_ok.t.example" : "ok_ok.half.example" };
		own_list[i] = &own[i];
	}
	for (int round = 0; round < 5; round++) {
		if (getaddrinfo_a(suspends ? GAI_NOWAIT : GAI_WAIT, own_list, 20, NULL) != 0)
			puts("FAILED");
		while (suspends && gai_suspend((const struct gaicb *const *)own_list, 20, NULL) != EAI_ALLDONE)
			continue;
		for (int i = 0; i < 20; i++)
			if (gai_error(&own[i]) == 0)
				freeaddrinfo(own[i].ar_result), good++;
	}
	*(int *)argument = good;
	return NULL;
}

static void callers(void)
{
	pthread_t thread[8];
	int good[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, submit_some, &good[i]);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL), printf("caller %d: %d\n", i, good[i]);
}

/* ---- gai_suspend ---- */

static void timeouts(void)
{
	double start = now();
	add("slow12_slow12"), add("slow20_slow20"), add("ok_ok"), add("ok_ok");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, 4, NULL));
	while (gai_error(list[2]) == EAI_INPROGRESS || gai_error(list[3]) == EAI_INPROGRESS)
		sleep_ms(1);
	errno = UNTOUCHED_ERRNO;
	show("no time", gai_suspend(watched, count, milliseconds(0)));
	show("0.3 s", gai_suspend(watched, count, milliseconds(300)));
/* Before 2.34, glibc stops the program. */
#if __GLIBC_PREREQ(2, 34)
	show("less than no time", gai_suspend(watched, 2, &(struct timespec){ -5, 0 }));
	show("long ago", gai_suspend(watched, 2, &(struct timespec){ LONG_MIN / 2, 0 }));
	show("more than time", gai_suspend(watched, 2, &(struct timespec){ LONG_MAX, 0 }));
#endif
	print_errno(errno);
	printf(" after %.1f s\n", since(start));
	show("only what is done", gai_suspend(watched + 2, 2, NULL));
	/* What is done already counts for nothing. */
	show("the first of the rest", gai_suspend(watched, count, milliseconds(5000)));
	printf("after %.0f s: %s, %s\n", now() - start, code_name(gai_error(list[0])), code_name(gai_error(list[1])));
	show("again", gai_suspend(watched, count, NULL));
	show("and again", gai_suspend(watched, count, NULL));
	printf("after %.0f s\n", now() - start);
	print_all();
	free_all();
}

static void alarm_in(int milliseconds)
{
	struct itimerval timer = { .it_value = { milliseconds / 1000, milliseconds % 1000 * 1000 } };
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void interrupted(void)
{
	set_handler(SIGALRM, count_signal, 0);
	add("slow10_slow10");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	alarm_in(200);
	show("interrupted", gai_suspend(watched, count, NULL));
	alarm_in(200);
	show("interrupted, with a time", gai_suspend(watched, count, milliseconds(5000)));
	set_handler(SIGALRM, count_signal, SA_RESTART);
	alarm_in(100);
	show("restarted, with a time", gai_suspend(watched, count, milliseconds(5000)));
	alarm_in(100);
	show("restarted", gai_suspend(watched, count, NULL));
	printf("handled=%d\n", handled);
	print_all();
	free_all();
	set_handler(SIGALRM, count_signal, 0);
	add_many(3, "slow5_ok");
	alarm_in(200);
	show("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, list, count, NULL));
	printf("handled=%d\n", handled);
	print_all();
	free_all();
}

/* ---- gai_cancel ---- */

static void cancelling(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	block_signals();
	add_many(THREADS + 5, "slow5_slow5");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	for (int i = 0; i < count; i++)
		printf("%d: %s, ", i, code_name(gai_cancel(list[i])));
	for (int i = THREADS - 1; i < count; i++)
		printf("%d: %s, ", i, code_name(gai_cancel(list[i])));
	putchar('\n');
	print_summary();
	show("gai_suspend of those taken back", gai_suspend(watched + THREADS, 5, NULL));
	/* No notice ever comes of the rest. */
	wait_for_signal(SIGRTMIN, 1500);
	print_summary();
	show("gai_cancel of one that is done", gai_cancel(list[0]));
	/* What was taken back can be asked for again. */
	show("again", getaddrinfo_a(GAI_NOWAIT, list + THREADS, 5, &event));
	wait_for_signal(SIGRTMIN, 5000);
	print_all();
	free_all();
}

/* ---- Threads that are cancelled ---- */

static volatile int how, waited_code;

static void *wait_to_be_cancelled(void *argument)
{
	pthread_setcanceltype((how & 1) != 0 ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, NULL);
	if ((how & 2) != 0)
		waited_code = getaddrinfo_a(GAI_WAIT, list, count, NULL);
	else
		waited_code = gai_suspend(watched, count, NULL);
	pthread_testcancel();
	return argument;
}

static void cancel_threads(const int *hows, int number)
{
	for (int i = 0; i < number; i++) {
		pthread_t thread;
		void *result = NULL;
		double start = now();
		how = hows[i];
		waited_code = 4242;
		/* See wait_for_all for why this is one for gai_suspend. */
		add_many((how & 2) == 0 ? 1 : 3, "slow7_slow7");
		if ((how & 2) == 0)
			show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
		pthread_create(&thread, NULL, wait_to_be_cancelled, NULL);
		sleep_ms(200);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		printf("%d: %s after %.1f s, code %d\n", how, result != NULL ? "cancelled" : "gone",
		       since(start), waited_code);
		sleep_ms(500);
		print_summary();
		free_all();
	}
}

static void cancelled(void)
{
	cancel_threads((const int[]){ 0, 2 }, 2);
}

/* Asynchronously: glibc's lock stays held then, so that nothing may follow. */
static void cancelled_waiting(void)
{
	cancel_threads((const int[]){ 3 }, 1);
}

static void cancelled_suspended(void)
{
	cancel_threads((const int[]){ 1 }, 1);
}

static void beyond_cancelled(void)
{
	cancel_threads((const int[]){ 3, 1, 2, 0, 1, 3 }, 6);
}

/* ---- No thread to be had ---- */

static void no_threads(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct rlimit limit, before;
	block_signals();
	add_many(3, "ok_ok");
	printf("warm up: %s\n", code_name(getaddrinfo_a(GAI_WAIT, list, 0, NULL)));
	for (int mode = GAI_WAIT; mode <= GAI_NOWAIT; mode++) {
		getrlimit(RLIMIT_AS, &before);
		limit = before;
		limit.rlim_cur = 1;
		setrlimit(RLIMIT_AS, &limit);
		errno = UNTOUCHED_ERRNO;
		int code = getaddrinfo_a(mode, list, count, &event);
		int error = errno;
		setrlimit(RLIMIT_AS, &before);
		show("without memory", code);
		print_errno(error);
		putchar('\n');
		print_summary();
		wait_for_signal(SIGRTMIN, 200);
		show("gai_suspend", gai_suspend(watched, count, NULL));
		show("gai_cancel", gai_cancel(list[0]));
	}
	show("with memory", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	wait_for_signal(SIGRTMIN, 5000);
	print_all();
	free_all();
}

/* ---- Beyond glibc ---- */

/* A child works like any program, with whatever its parent had in hand. */
static void child(const char *what)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		static struct gaicb own[4], *own_list[4] = { &own[0], &own[1], NULL, &own[2] };
		struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified };
		alarm(10);
		show("the parent's, gai_suspend", gai_suspend(watched, count, NULL));
		show("the parent's, gai_cancel", gai_cancel(list[count - 1]));
		called = 0;
		own[0].ar_name = "ok_ok.t.example", own[1].ar_name = "nx_nx.half.example", own[2].ar_name = "192.0.2.1";
		show("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, own_list, 4, NULL));
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, own_list, 4, &event));
		wait_for_call(1);
		for (int i = 0; i < 3; i++)
			print_request(&own[i]);
		fflush(stdout);
		_exit(0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	printf("%s: the child's end: %d\n", what, status);
}

static volatile int stop;

static void *keep_busy(void *argument)
{
	struct gaicb own = { .ar_name = "ok_ok.t.example" }, *own_list = &own;
	while (!stop) {
		getaddrinfo_a(GAI_NOWAIT, &own_list, 1, NULL);
		gai_cancel(&own);
		while (gai_suspend((const struct gaicb *const *)&own_list, 1, NULL) != EAI_ALLDONE)
			continue;
		if (gai_error(&own) == 0)
			freeaddrinfo(own.ar_result);
	}
	return argument;
}

static void beyond_fork(void)
{
	add_many(30, "slow10_slow10");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	child("while requests wait");
	wait_for_all();
	print_summary();
	child("after them");
	free_all();
}

/* Children that are made at every moment of what other threads do. */
static void beyond_forks(void)
{
	pthread_t thread[4];
	int bad = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, keep_busy, NULL);
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct gaicb own = { .ar_name = "ok_ok.t.example" }, *own_list = &own;
			alarm(10);
			_exit(getaddrinfo_a(GAI_WAIT, &own_list, 1, NULL) != 0 || gai_error(&own) != 0);
		}
		int status = 0;
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("%d of 200 children went wrong\n", bad);
}

/* glibc leaves its lists broken here: see wait_for_all. */
static void beyond_callers(void)
{
	suspends = 1;
	callers();
}

static pid_t forked;

static void fork_here(int number)
{
	(void)number;
	forked = fork();
	if (forked == 0)
		alarm(10);
}

/* A handler forks while its thread waits. */
static void beyond_fork_in_a_handler(void)
{
	set_handler(SIGALRM, fork_here, 0);
	for (int round = 0; round < 2; round++) {
		add_many(2, "slow6_slow6");
		if (round == 0)
			getaddrinfo_a(GAI_NOWAIT, list, count, NULL);
		alarm_in(200);
		fflush(stdout);
		int code = round == 0 ? gai_suspend(watched, count, NULL) : getaddrinfo_a(GAI_WAIT, list, count, NULL);
		if (forked == 0)
			_exit(code == 0 || code == EAI_INTR ? 7 : 8);
		int status = 0;
		while (waitpid(forked, &status, 0) < 0)
			continue;
		printf("%s, the child's end: %d\n", code_name(code), WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		wait_for_all();
		print_summary();
		free_all();
	}
}

static void *wait_for_last(void *argument)
{
	waited_code = gai_suspend(watched + count - 1, 1, NULL);
	return argument;
}

static void *wait_in_call(void *argument)
{
	waited_code = getaddrinfo_a(GAI_WAIT, list, count, NULL);
	return argument;
}

/* Whoever waits for a request that is taken back goes on. */
static void beyond_cancel(void)
{
	pthread_t thread;
	add_many(THREADS + 1, "slow10_slow10");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	pthread_create(&thread, NULL, wait_for_last, NULL);
	sleep_ms(200);
	show("gai_cancel", gai_cancel(list[count - 1]));
	pthread_join(thread, NULL);
	show("gai_suspend", waited_code);
	count--;
	wait_for_all();
	free_all();
	sleep_ms(1500);
	add_many(THREADS + 1, "slow10_slow10");
	pthread_create(&thread, NULL, wait_in_call, NULL);
	sleep_ms(200);
	show("gai_cancel", gai_cancel(list[count - 1]));
	pthread_join(thread, NULL);
	show("getaddrinfo_a", waited_code);
	print_summary();
}

static void beyond_times(void)
{
	add("slow5_ok");
	getaddrinfo_a(GAI_NOWAIT, list, count, NULL);
	show("a second of four thousand million nanoseconds", gai_suspend(watched, 1, &(struct timespec){ 0, 4000000000 }));
	show("less than no nanoseconds", gai_suspend(watched, 1, &(struct timespec){ 0, -2000000000 }));
	wait_for_all();
	free_all();
}

static void beyond_no_function(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD };
	add_many(2, "ok_ok");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	wait_for_all();
	print_all();
}

/* Requests of libc and of ours in one list of gai_suspend: the first half of the list in one call, the other in another. */
static void two_sides(void)
{
	struct gaicb *sides[2][1];
	double start = now();
	add("slow15_slow15"), add("slow15_slow15"), add("slow3_slow3"), add("slow7_slow7");
	for (int i = 0; i < 4; i++) {
		sides[i % 2][0] = list[i];
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, sides[i % 2], 1, NULL));
	}
	show("no time", gai_suspend(watched, count, milliseconds(0)));
	show("0.1 s", gai_suspend(watched, count, milliseconds(100)));
	set_handler(SIGALRM, count_signal, 0);
	/* Again and again: one signal may come just between two looks. */
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 50000 } }, NULL);
	show("interrupted", gai_suspend(watched, count, milliseconds(5000)));
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	for (int i = 0; i < 2; i++) {
		show("the next", gai_suspend(watched, count, i == 0 ? NULL : milliseconds(5000)));
		for (int j = 0; j < count; j++)
			printf("  %s", code_name(gai_error(list[j])));
		printf(" after %.1f s\n", since(start));
	}
	wait_for_all();
	printf("all after %.1f s\n", since(start));
	show("again", gai_suspend(watched, count, NULL));
	print_all();
	free_all();
}

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "wait", wait_mode }, { "nowait", nowait_mode }, { "arguments", arguments }, { "signals", signals },
	{ "handlers", handlers }, { "chain", chain }, { "threads", notice_threads }, { "many", many },
	{ "many-calls", many_calls }, { "concurrency", concurrency }, { "callers", callers }, { "timeouts", timeouts },
	{ "interrupted", interrupted }, { "cancelling", cancelling }, { "cancelled", cancelled },
	{ "cancelled-waiting", cancelled_waiting }, { "cancelled-suspended", cancelled_suspended },
	{ "beyond-cancelled", beyond_cancelled }, { "beyond-callers", beyond_callers },
	{ "no-threads", no_threads }, { "two-sides", two_sides }, { "beyond-fork", beyond_fork },
	{ "beyond-forks", beyond_forks }, { "beyond-handler", beyond_fork_in_a_handler }, { "beyond-cancel", beyond_cancel },
	{ "beyond-times", beyond_times }, { "beyond-function", beyond_no_function },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Memory that malloc hands out is not zero here: what a lookup leaves unwritten shows. */
	mallopt(M_PERTURB, FILLER);
	for (size_t i = 0; argc > 1 && i < sizeof scenarios / sizeof *scenarios; i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			return 0;
		}
	return 2;
}
