/* Signals during lookups: signals SCENARIO COUNT

   A timer expires a thousand times a second. The results and timeouts of lookups must be the same as without it, and
   the handlers of the program, their thread, and the blocked signals must not change. */

#include "scenarios.h"

#include <sys/syscall.h>
#include <sys/time.h>

static volatile int ticks, elsewhere, pipes, here;

static void tick(int unused)
{
	int before = errno;
	(void)unused;
	ticks++;
	elsewhere += (int)syscall(SYS_gettid) != here;
	errno = before;
}

static void on_pipe(int unused)
{
	(void)unused;
	pipes++;
}

/* The blocked signals, and all handlers. */
struct signals {
	sigset_t mask;
	struct {
		void (*handler)(int);
		int flags;
	} actions[65];
};

static void take_signals(struct signals *signals)
{
	memset(signals, 0, sizeof *signals);
	sigprocmask(SIG_SETMASK, NULL, &signals->mask);
	for (int i = 1; i <= 64; i++) {
		struct sigaction action = { 0 };
		sigaction(i, NULL, &action);
		signals->actions[i].handler = action.sa_handler;
		signals->actions[i].flags = action.sa_flags;
	}
}

static const struct {
	const char *name, *answer;
	double least, most; /* in seconds, with a margin for a busy machine */
} slow_ones[] = {
	{ "slow10_slow10.m.example", "192.0.2.1 2001:db8::1", 0.9, 4.5 },
	{ "tcslow10_tcslow10.m.example", "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1 2001:db8::2 2001:db8::3", 0.9, 4.5 },
	{ "tcpieces_nodata.m.example", "40 addresses", 0, 4.5 },
	{ "drop_drop.short.example", "EAI_AGAIN", 0.9, 4 },
	{ "tchang_tchang.short.example", "EAI_AGAIN", 0.9, 4 },
};
enum { SLOW = sizeof slow_ones / sizeof *slow_ones };

static void under_timer(int count, int flags, const char *condition)
{
	static struct signals before, after;
	int wrong = 0, late = 0, changed = 0;
	here = (int)syscall(SYS_gettid);
	handle(SIGALRM, tick, flags);
	sigset_t some;
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	sigprocmask(SIG_BLOCK, &some, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 1000 }, { 0, 1000 } }, NULL);
	ticks = elsewhere = 0;
	take_signals(&before);
	for (int i = 0; i < count; i++) {
		char answer[ANSWER];
		for (int j = 0; j < KINDS; j++) {
			wrong += !is_right(&matched[j]);
			take_signals(&after);
			changed += memcmp(&before, &after, sizeof before) != 0;
		}
		for (int j = 0; j < SLOW; j++) {
			double begun = now();
			look_up("gai", slow_ones[j].name, answer);
			double took = now() - begun;
			take_signals(&after);
			changed += memcmp(&before, &after, sizeof before) != 0;
			if (strcmp(answer, slow_ones[j].answer) != 0 || took < slow_ones[j].least || took > slow_ones[j].most)
				printf("  WRONG %s: %s after %.2f s\n", slow_ones[j].name, answer, took);
			wrong += strcmp(answer, slow_ones[j].answer) != 0;
			late += took < slow_ones[j].least || took > slow_ones[j].most;
		}
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	row(wrong || late || elsewhere || changed || ticks < 100, condition, count * (KINDS + SLOW),
	    "%d signals, %d on another thread; %d wrong, %d not in time, mask or handlers changed %d times", ticks, elsewhere,
	    wrong, late, changed);
}

static void restarting(int count)
{
	under_timer(count, SA_RESTART, "lookups under a 1 kHz timer, SA_RESTART");
}

static void interrupting(int count)
{
	under_timer(count, 0, "lookups under a 1 kHz timer");
}

/* Servers that close a TCP connection as early as possible. */
static void closing_servers(int count)
{
	static const char *const names[] = { "tcfail_tcfail.m.example", "tchalf_tchalf.m.example",
					     "tcshort_tcshort.m.example", "tcempty_tcempty.m.example" };
	char answer[ANSWER];
	handle(SIGPIPE, on_pipe, 0);
	for (int i = 0; i < count; i++)
		look_up("gai", names[i % 4], answer);
	row(pipes, "TCP servers that close", count, "SIGPIPE raised %d times", pipes);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "restarting", restarting }, { "interrupting", interrupting }, { "closing-servers", closing_servers },
		{ NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
