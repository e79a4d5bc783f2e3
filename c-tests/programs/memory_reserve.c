/* Lookups of a process without memory for a long time, in which the library uses its reserve.
   Usage: memory_reserve HOW COUNT

     cold       COUNT lookups; malloc always fails, beginning before the first lookup
     warm       the same after one lookup with memory
     child      the same in a child that is forked while other threads perform lookups with the reserve
     children   COUNT generations of children, each forked in that way by the previous one

   Prints the results of the lookups, and the status of the process if it failed. */

#include "lookup_line.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, OUTCOMES = 16 };

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static volatile int starving;

static int is_refused(void)
{
	if (starving)
		errno = ENOMEM;
	return starving;
}

void *malloc(size_t size)
{
	return is_refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return is_refused() ? NULL : __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
	return is_refused() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
	*place = memalign(alignment, size);
	return *place == NULL ? ENOMEM : 0;
}

static struct {
	char text[100];
	int count;
} outcomes[OUTCOMES];

static void count(const char *text)
{
	for (int i = 0; i < OUTCOMES; i++)
		if (outcomes[i].count == 0 || strcmp(outcomes[i].text, text) == 0) {
			snprintf(outcomes[i].text, sizeof outcomes[i].text, "%.90s", text);
			outcomes[i].count++;
			return;
		}
}

static struct lookup own, others[THREADS];

static void look_often(int times)
{
	for (int i = 0; i < times; i++)
		count(look(&own));
	starving = 0;
	for (int i = 0; i < OUTCOMES && outcomes[i].count > 0; i++)
		printf("%s%d %s", i > 0 ? ", " : "", outcomes[i].count, outcomes[i].text);
	puts("");
	fflush(stdout);
}

static void *look_slowly(void *lookup)
{
	look(lookup);
	return NULL;
}

/* Starts other threads, which perform lookups with the reserve. */
static void be_busy(void)
{
	pthread_t thread;
	starving = 0;
	for (int i = 0; i < THREADS; i++) {
		parse_lookup(&others[i], "gai slow6_slow6.t.example");
		if (pthread_create(&thread, NULL, look_slowly, &others[i]) != 0)
			abort();
		/* Starting a thread needs memory, which is not used by a lookup. */
	}
	starving = 1;
	usleep(300000);
}

/* Runs in a child of a busy process. */
static void in_a_child(int depth, int times)
{
	int status = 0;
	be_busy();
	pid_t child = fork();
	if (child == 0) {
		alarm(100);
		if (depth > 1)
			in_a_child(depth - 1, times);
		else
			look_often(times);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (status != 0)
		printf("%s: THE CHILD ENDED WITH %s %d\n", "memory_reserve", WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	puts("begun");
	parse_lookup(&own, "gai ok_ok.t.example");
	if (strcmp(argv[1], "cold") != 0)
		look(&own);
	starving = 1;
	if (strcmp(argv[1], "child") == 0)
		in_a_child(1, atoi(argv[2]));
	else if (strcmp(argv[1], "children") == 0)
		in_a_child(atoi(argv[2]), 100);
	else
		look_often(atoi(argv[2]));
	_exit(0);
}
