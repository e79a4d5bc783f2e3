/* Notifications of requests: signals, and functions that are called in a thread. */

#include "requests.h"

/* ---- Signals ---- */

static inline void wait_for_signal(int number, int limit)
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

static inline void block_signals(void)
{
	sigset_t set;
	sigfillset(&set);
	sigdelset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static volatile sig_atomic_t handled;

static inline void count_signal(int number)
{
	(void)number;
	handled++;
}

static inline void set_handler(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(number, &action, NULL);
}

static inline void alarm_in(int milliseconds)
{
	struct itimerval timer = { .it_value = { milliseconds / 1000, milliseconds % 1000 * 1000 } };
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* ---- Threads ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int called;
static pthread_t caller, first;
static void *called_with;

static inline void print_thread(void)
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

static inline void notified(union sigval value)
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

static inline void wait_for_call(int number)
{
	pthread_mutex_lock(&mutex);
	while (called < number)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}
