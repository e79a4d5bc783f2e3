/* A signal handler performs a lookup during a lookup, on an alternate stack above or below that of the thread, since
   re-entrancy is detected by stack addresses. Usage: reentrancy above|below EVERY [bare]

   The signal is raised at every EVERY-th call of some libc functions by the lookup, each time in a new process. The
   results of the interrupted lookup and of the next one must be correct. The lookup in the handler may be answered by
   libc. */

#include "scenarios.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { STACK = 1 << 20, MOST = 1000 };

static volatile int is_looking, at, calls, is_handled;
static char inner[ANSWER];

/* The handler is called at one of these points. */
static void point(void)
{
	if (is_looking && !is_handled && ++calls == at)
		raise(SIGUSR1);
}

#define AS_LIBC(type, name, parameters, arguments)                                \
	type name parameters                                                      \
	{                                                                         \
		static type(*real) parameters;                                    \
		if (real == NULL)                                                 \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name);       \
		point();                                                          \
		return real arguments;                                            \
	}

AS_LIBC(int, socket, (int family, int type, int protocol), (family, type, protocol))
AS_LIBC(int, connect, (int file, const struct sockaddr *address, socklen_t length), (file, address, length))
AS_LIBC(int, poll, (struct pollfd *files, nfds_t count, int time), (files, count, time))
AS_LIBC(int, close, (int file), (file))

extern void *__libc_malloc(size_t);

void *malloc(size_t size)
{
	point();
	return __libc_malloc(size);
}

static void handler(int signal)
{
	int error = errno;
	(void)signal;
	is_handled = 1;
	look_up(matched[0].kind, matched[0].name, inner);
	errno = error;
}

static void *look_with_handler(void *stack)
{
	stack_t other = { .ss_sp = stack, .ss_size = STACK };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART };
	sigaltstack(&other, NULL);
	sigaction(SIGUSR1, &action, NULL);
	is_looking = 1;
	int right = is_right(&matched[0]);
	is_looking = 0;
	right &= is_right(&matched[0]) & is_right(&matched[3]);
	/* 0: the lookup has no more such points. */
	_exit(!is_handled ? 0 : !right ? 1 : strcmp(inner, matched[0].answer) == 0 ? 2 : 3);
}

static int in_a_child(int number, int is_above)
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		pthread_attr_t attributes;
		pthread_t thread;
		char *stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		alarm(20);
		at = number;
		pthread_attr_init(&attributes);
		pthread_attr_setstack(&attributes, stacks + (is_above ? 0 : STACK), STACK);
		if (pthread_create(&thread, &attributes, look_with_handler, stacks + (is_above ? STACK : 0)) != 0)
			abort();
		pthread_join(thread, NULL);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static void nest(int every, int is_above)
{
	int counts[5] = { 0 }, end = 1;
	for (int number = 1; number < MOST && end != 0; number += every)
		counts[end = in_a_child(number, is_above)]++;
	row(counts[1] > 0 || counts[4] > 0 || counts[2] + counts[3] == 0,
	    is_above ? "a handler performs a lookup during a lookup, on a stack above" :
		       "a handler performs a lookup during a lookup, on a stack below",
	    counts[1] + counts[2] + counts[3] + counts[4], "%d wrong, %d hung or died; in the handler: %d correct, %d from libc",
	    counts[1], counts[4], counts[2], counts[3]);
}

static void above(int every)
{
	nest(every, 1);
}

static void below(int every)
{
	nest(every, 0);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = { { "above", above }, { "below", below }, { NULL, NULL } };
	return run_scenario(argc, argv, scenarios);
}
