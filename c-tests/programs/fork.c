/* fork(2) and related system calls during lookups: fork SCENARIO COUNT [bare]

   A child performs all kinds of lookups. It is considered to hang if it has not ended after some seconds, and to fail
   if an answer is wrong. */

#include "scenarios.h"

#include <poll.h>
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { ALIVE = 16 };

static volatile int stop;
static int hung, failed;

/* With bare glibc, children may hang. */
static unsigned patience(void)
{
	return bare ? 1 : 30;
}

/* The function of a child. */
static void child(void)
{
	signal(SIGALRM, SIG_DFL);
	alarm(patience());
	_exit(wrong_answers(1) != 0);
}

static void judge(int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		hung++;
	else if (status != 0)
		failed++;
}

static void *look_up_matched(void *unused)
{
	for (int i = 0; !stop; i++)
		/* Except lookups whose result is in static memory. */
		if (strcmp(matched[i % KINDS].kind, "ghbn") != 0 && strcmp(matched[i % KINDS].kind, "ghbn2") != 0)
			failed += !is_right(&matched[i % KINDS]);
	return unused;
}

static void *look_up_static(void *unused)
{
	while (!stop)
		failed += !is_right(&matched[3]);
	return unused;
}

static void *look_up_passed(void *unused)
{
	while (!stop)
		failed += !is_right(&passed) && !bare;
	return unused;
}

/* The same settings with different texts, each of which is a change that has to be read. */
static void *rewrite_resolv_conf(void *unused)
{
	char text[256];
	for (int i = 0; !stop; i++) {
		snprintf(text, sizeof text, "nameserver 127.0.0.%d\noptions timeout:5 attempts:3\n# %d\n", bare ? 54 : 53, i);
		put("/etc/resolv.conf", text, i % 2);
		pause_for(0.005);
	}
	return unused;
}

/* Forks COUNT children, several at a time. */
static void make_children(int count)
{
	int alive = 0, status;
	for (int made = 0; made < count || alive > 0;) {
		if (made < count && alive < ALIVE) {
			pid_t pid = fork();
			if (pid == 0)
				child();
			if (pid < 0)
				abort();
			made++, alive++;
		} else if (wait(&status) > 0) {
			judge(status);
			alive--;
		}
	}
}

static void report_children(const char *condition, int count)
{
	row(hung + failed > 0, condition, count, "%d hang, %d fail", hung, failed);
	hung = failed = 0;
}

static void beside(void *(*functions[])(void *), int threads, const char *condition, int count)
{
	pthread_t thread[8];
	stop = 0;
	for (int i = 0; i < threads; i++)
		thread[i] = start(functions[i], NULL);
	pause_for(0.05);
	make_children(count);
	stop = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	report_children(condition, count);
}

static void forks_beside_matched(int count)
{
	void *(*functions[])(void *) = { look_up_matched, look_up_matched, look_up_static };
	beside(functions, 3, "fork during matched lookups of threads", count);
}

static void forks_beside_passed(int count)
{
	void *(*functions[])(void *) = { look_up_matched, look_up_static, look_up_passed, look_up_passed,
					 rewrite_resolv_conf };
	beside(functions, 5, "fork during matched and passed lookups, resolv.conf rewritten", count);
}

static void *wait_for_slow(void *name)
{
	char answer[ANSWER];
	while (!stop)
		look_up("gai", name, answer);
	return NULL;
}

static void forks_beside_waiting(int count)
{
	pthread_t thread[8];
	const char *names[] = { "slow10_slow10.m.example", "tcslow10_tcslow10.m.example", "slow10_slow10.t.example",
				"tcslow10_tcslow10.t.example" };
	stop = 0;
	for (int i = 0; i < 8; i++)
		thread[i] = start(wait_for_slow, (void *)names[i % 4]);
	pause_for(0.3);
	make_children(count);
	stop = 1;
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	report_children("fork while lookups wait for slow servers", count);
}

/* ---- At every system call ---- */

/* A process with two threads: one performs lookups, and the other one forks on request. */
static int orders[2], reports[2];
static const struct lookup *watched;

static void *traced_thread(void *unused)
{
	int tid = (int)syscall(SYS_gettid);
	/* The tracer is another process, which must have seized this thread before it continues. */
	if (write(reports[1], &tid, sizeof tid) != sizeof tid)
		abort();
	while (syscall(SYS_getppid, 0x600d) >= 0 && !stop)
		pause_for(0.001);
	char answer[ANSWER];
	for (const struct lookup *lookup = watched; lookup->kind != NULL; lookup++)
		look_up(lookup->kind, lookup->name, answer);
	syscall(SYS_getppid, 0xbad);
	return unused;
}

static void forking_process(void)
{
	char order;
	pthread_t thread = start(traced_thread, NULL);
	while (read(orders[0], &order, 1) == 1) {
		if (order == 'g') {
			stop = 1;
			continue;
		}
		pid_t pid = fork();
		if (pid == 0)
			child();
		int result[2] = { 0, 0 };
		/* First report that fork has returned, and did not wait for a lock of malloc. */
		if (write(reports[1], result, sizeof result) != sizeof result)
			abort();
		waitpid(pid, &result[1], 0);
		if (write(reports[1], result, sizeof result) != sizeof result)
			abort();
	}
	pthread_join(thread, NULL);
	_exit(0);
}

static int report_comes(int milliseconds)
{
	struct pollfd poll_for = { .fd = reports[0], .events = POLLIN };
	return poll(&poll_for, 1, milliseconds) == 1;
}

static void take_report(int *result)
{
	if (read(reports[0], result, 2 * sizeof *result) != 2 * sizeof *result)
		abort();
}

/* Lets the thread run to the start or end of its next system call. Returns 0 if it has ended. */
static int next_stop(int tid, unsigned long *argument)
{
	struct __ptrace_syscall_info info = { 0 };
	int status;
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, tid, 0, 0) != 0 || waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
			return 0;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			break;
	}
	ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info);
	*argument = info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getppid ? info.entry.args[0] : 0;
	return 1;
}

/* Forks at every stop of the thread's lookups, or at every EVERY-th one. */
static void at_every_system_call(const struct lookup *lookups, const char *condition, int every)
{
	int tid, stops = 0, blocked = 0, result[2], status;
	unsigned long argument = 0;
	watched = lookups;
	stop = 0;
	if (pipe(orders) != 0 || pipe(reports) != 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		close(orders[1]);
		forking_process();
	}
	close(orders[0]);
	if (read(reports[0], &tid, sizeof tid) != sizeof tid || ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0)
		abort();
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	waitpid(tid, &status, __WALL);
	if (write(orders[1], "g", 1) != 1)
		abort();
	/* The thread's last own system call before the lookups, and its end. */
	int has_begun = 0;
	for (int number = 0; next_stop(tid, &argument) && argument != 0xbad; number++) {
		if (argument == 0x600d)
			has_begun = 1;
		if (!has_begun || number % every != 0)
			continue;
		stops++;
		if (write(orders[1], "f", 1) != 1)
			abort();
		/* A thread in malloc holds a lock for which fork waits. It must continue first. */
		while (!report_comes(blocked < 8 ? 300 : 50) && next_stop(tid, &argument))
			blocked++;
		take_report(result);
		take_report(result);
		judge(result[1]);
	}
	ptrace(PTRACE_DETACH, tid, 0, 0);
	close(orders[1]);
	waitpid(pid, &status, 0);
	close(reports[0]), close(reports[1]);
	report_children(condition, stops);
}

static void stops(int every)
{
	static const struct lookup ours[] = {
		{ "gai", "okzok2_okzok2.m.example", "" }, { "canon", "tc40_tc40.m.example", "" },
		{ "ghbn", "okzok2_okzok2.m.example", "" }, { "ghbn2", "filed.m.example", "" }, { "gni", "192.0.2.3", "" },
		{ NULL, NULL, NULL },
	};
	static const struct lookup libcs[] = {
		{ "gai", "okzok2_okzok2.t.example", "" }, { "ghbn", "okzok2_okzok2.t.example", "" }, { NULL, NULL, NULL },
	};
	at_every_system_call(ours, "fork at the system calls of a matched lookup", every);
	at_every_system_call(libcs, "fork at the system calls of a passed lookup", every);
}

/* ---- Related functions ---- */

static void answer_once(int unused)
{
	(void)unused;
	failures += wrong_answers(1) != 0;
}

static const char *self;

static void exec_self(void)
{
	execl(self, self, "answer", "1", bare ? "bare" : NULL, NULL);
	_exit(3);
}

static void spawns(int count)
{
	pthread_t threads[] = { start(look_up_matched, NULL), start(look_up_matched, NULL), start(look_up_passed, NULL) };
	extern char **environ;
	char *words[] = { (char *)self, "answer", "1", bare ? "bare" : NULL, NULL };
	int status;
	for (int i = 0; i < count; i++) {
		pid_t pid = vfork();
		if (pid == 0)
			exec_self();
		waitpid(pid, &status, 0);
		judge(status);
	}
	report_children("vfork and exec during lookups", count);
	for (int i = 0; i < count; i++) {
		pid_t pid;
		if (posix_spawn(&pid, self, NULL, NULL, words, environ) != 0)
			abort();
		waitpid(pid, &status, 0);
		judge(status);
	}
	report_children("posix_spawn during lookups", count);
	stop = 1;
	for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
		pthread_join(threads[i], NULL);
}

/* A typical daemon: a grandchild without a terminal, with descriptors 0, 1 and 2 on /dev/null. */
static void daemons(int count)
{
	pthread_t thread = start(look_up_matched, NULL);
	for (int i = 0; i < count; i++) {
		int ends[2], wrong = -1, status;
		if (pipe(ends) != 0)
			abort();
		pid_t pid = fork();
		if (pid == 0) {
			alarm(patience());
			wrong = wrong_answers(1);
			if (daemon(0, 0) != 0)
				_exit(1);
			alarm(patience());
			wrong += wrong_answers(1);
			_exit(write(ends[1], &wrong, sizeof wrong) < 0);
		}
		close(ends[1]);
		waitpid(pid, &status, 0);
		if (read(ends[0], &wrong, sizeof wrong) != sizeof wrong)
			hung++;
		else
			failed += wrong != 0;
		close(ends[0]);
	}
	stop = 1;
	pthread_join(thread, NULL);
	report_children("double fork with daemon(3) during lookups", count);
}

/* A handler forks during a lookup of its thread, which both the parent and the child continue. */
static volatile int in_child;

static void fork_here(int unused)
{
	(void)unused;
	if (!in_child && fork() == 0)
		in_child = 1;
}

static void forks_in_handler(int count)
{
	int status;
	handle(SIGUSR1, fork_here, SA_RESTART);
	for (int i = 0; i < count; i++) {
		pid_t pid = getpid();
		if (fork() == 0) {
			pause_for(0.05 + 0.01 * (i % 8));
			kill(pid, SIGUSR1);
			_exit(0);
		}
		char answer[ANSWER];
		alarm(patience());
		look_up("gai", "slow3_slow3.short.example", answer);
		int wrong = strcmp(answer, "192.0.2.1 2001:db8::1") != 0 && strcmp(answer, "EAI_AGAIN") != 0;
		wrong += wrong_answers(1);
		if (in_child)
			_exit(wrong != 0);
		failed += wrong;
		/* The child that sent the signal, and the one of the handler. */
		while (wait(&status) > 0)
			judge(status);
	}
	alarm(0);
	report_children("fork in a signal handler during a matched lookup", count);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "matched", forks_beside_matched }, { "passed", forks_beside_passed }, { "waiting", forks_beside_waiting },
		{ "stops", stops }, { "answer", answer_once }, { "spawns", spawns }, { "daemons", daemons },
		{ "handler", forks_in_handler }, { NULL, NULL },
	};
	self = argv[0];
	return run_scenario(argc, argv, scenarios);
}
