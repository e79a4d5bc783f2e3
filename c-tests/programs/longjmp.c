/* Threads that leave a lookup with siglongjmp: longjmp SCENARIO COUNT [bare] */

#include "left_lookups.h"

#include <linux/prctl.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <sys/time.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH /* Linux 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#define SYSCALL_DISPATCH_FILTER_ALLOW 0
#define SYSCALL_DISPATCH_FILTER_BLOCK 1
#endif

static sigjmp_buf before_lookup;

static void jump(int unused)
{
	(void)unused;
	siglongjmp(before_lookup, 1);
}

/* Performs lookups deeper in the stack than any lookup that was left. */
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

/* The time until the alarm, in microseconds. */
static int patience = 50000;

/* As in old versions of curl: an alarm, and a jump out of its handler. */
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
	snprintf(condition, sizeof condition, "siglongjmp out of %s, next lookups in this and another thread",
		 slow_ones[which].label);
	row(wrong > 0 || jumped != count + 1 || grown > 16384, condition, count + 1,
	    "%d jumps, %d wrong; %ld bytes leaked by each; %s", jumped, wrong, grown < 0 ? 0 : grown, aftermath());
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

/* glibc stores the sockets of a lookup in the _res of the thread, where the next lookup finds and closes them. */
static void jump_descriptors(int count)
{
	patience = 250000; /* The owner of a socket is known once a lookup waits. */
	for (int which = MATCHED; which < STATIC; which++) {
		char condition[128];
		int left = jump_out_of(which, count);
		snprintf(condition, sizeof condition, "descriptors left open by siglongjmp out of %s", slow_ones[which].label);
		row(left > 2, condition, count, "%d", left);
	}
}

static void jump_static(int count)
{
	jump_out_of(STATIC, count);
}

/* ---- Jumps out of every system call ---- */

/* System calls of the library, and functions of the program that override those of libc. They jump when their turn has
   come. They are first called at another place, so that a jump never leaves a symbol lookup of the dynamic linker. */
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

/* A debug build of the library makes its system calls through this function. */
static __typeof__(syscall) *real_syscall;

long syscall(long number, ...)
{
	long of[6];
	va_list arguments;
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		of[i] = va_arg(arguments, long);
	va_end(arguments);
	if (real_syscall == NULL)
		real_syscall = (__typeof__(syscall) *)dlsym(RTLD_NEXT, "syscall");
	take_turn();
	return real_syscall(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

#if __GLIBC_PREREQ(2, 33) /* before that, there are no such functions */
BEFORE(int, stat, (const char *restrict path, struct stat *restrict status), (path, status))
BEFORE(int, fstat, (int descriptor, struct stat *status), (descriptor, status))
#endif

/* System calls of the library raise SIGSYS if the selector is set
   (Documentation/admin-guide/syscall-user-dispatch.rst). System calls from the code of libc never do. */
static volatile char selector;

static void make_call(int unused, siginfo_t *about, void *context)
{
	(void)unused, (void)about;
	greg_t *of = ((ucontext_t *)context)->uc_mcontext.gregs;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	take_turn();
	long result = real_syscall(of[REG_RAX], of[REG_RDI], of[REG_RSI], of[REG_RDX], of[REG_R10], of[REG_R8], of[REG_R9]);
	of[REG_RAX] = result == -1 ? -errno : result;
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
}

static void watch_calls(void)
{
	syscall(SYS_getpid); /* Finds the function of libc. */
	unsigned long start = -1, end = 0, from, to;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		/* Before 2.34, signal handlers return through libpthread. */
		if (strstr(line, " r-xp ") != NULL && (strstr(line, "/libc") != NULL || strstr(line, "/libpthread") != NULL)
			&& sscanf(line, "%lx-%lx", &from, &to) == 2) {
			start = from < start ? from : start;
			end = to > end ? to : end;
		}
	if (maps != NULL)
		fclose(maps);
	struct sigaction action = { .sa_sigaction = make_call, .sa_flags = SA_SIGINFO };
	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, start, end - start, &selector) != 0)
		perror("prctl");
}

static void jump_from_each(int is_deeper, const char *condition)
{
	volatile int place, wrong = 0, jumped = 0, has_jumped;
	handle(SIGUSR2, jump, 0);
	wrong_answers(1);
	watch_calls();
	for (place = 1; place < 500; place++) {
		has_jumped = 0;
		if (sigsetjmp(before_lookup, 1) == 0) {
			char answer[ANSWER];
			calls = 0;
			turn = place;
			selector = SYSCALL_DISPATCH_FILTER_BLOCK;
			look_up("canon", "tc40_tc40.m.example", answer);
			selector = SYSCALL_DISPATCH_FILTER_ALLOW;
			turn = 0;
		} else {
			selector = SYSCALL_DISPATCH_FILTER_ALLOW;
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
		{ "matched", jump_matched }, { "passed", jump_passed }, { "static", jump_static },
		{ "descriptors", jump_descriptors }, { "everywhere", jump_everywhere }, { "deeper", jump_deeper }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
