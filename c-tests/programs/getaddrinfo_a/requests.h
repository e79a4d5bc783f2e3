/* Common code of the programs in this directory: a list of requests, its state as visible to a caller, and waiting. The
   programs print everything that is visible to a caller, and nothing that depends on chance.

   The names of every second request end with ".half.example", so that a rule can match half of a list. Scenarios named
   "beyond" are those in which glibc itself hangs, stops the program, or corrupts its lists. */

#include "../results.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 400, THREADS = 20 };

static struct gaicb requests[MOST], *list[MOST];
static const struct gaicb *const *const watched = (const struct gaicb *const *)list;
static char names[MOST][128];
static int count;

static inline const char *code_name(int code)
{
	static const struct named table[] = {
		{ "EAI_INPROGRESS", EAI_INPROGRESS }, { "EAI_CANCELED", EAI_CANCELED },
		{ "EAI_NOTCANCELED", EAI_NOTCANCELED }, { "EAI_ALLDONE", EAI_ALLDONE }, { "EAI_INTR", EAI_INTR }, { NULL, 0 },
	};
	const char *name = name_of(code, table);
	return *name == '?' ? eai_name(code) : name;
}

/* Every second name belongs to the other half. */
static inline struct gaicb *add(const char *behaviour)
{
	struct gaicb *request = &requests[count];
	memset(request, 0, sizeof *request);
	snprintf(names[count], sizeof names[count], "%s.%s.example", behaviour, count % 2 == 0 ? "t" : "half");
	request->ar_name = names[count];
	request->ar_result = (void *)1;
	list[count++] = request;
	return request;
}

static inline void add_many(int number, const char *behaviour)
{
	for (int i = 0; i < number; i++)
		add(behaviour);
}

static inline void show(const char *what, int code)
{
	printf("%s: %s\n", what, code_name(code));
}

static inline void print_request(const struct gaicb *request)
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

static inline void print_all(void)
{
	for (int i = 0; i < count; i++)
		if (list[i] != NULL)
			print_request(list[i]);
}

static inline void free_all(void)
{
	for (int i = 0; i < count; i++)
		if (list[i] != NULL && gai_error(list[i]) == 0)
			free_backwards(list[i]->ar_result);
	count = 0;
}

static inline void print_summary(void)
{
	int done = 0, failed = 0, pending = 0;
	for (int i = 0; i < count; i++) {
		int code = gai_error(list[i]);
		code == 0 ? done++ : code == EAI_INPROGRESS ? pending++ : failed++;
	}
	printf("  %d found, %d not, %d in progress\n", done, failed, pending);
}

/* ---- Time ---- */

static inline void sleep_ms(int milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
	while (nanosleep(&time, &time) != 0)
		continue;
}

static inline double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Without gai_suspend, since glibc does not remove a waiter from a request that ends at the same time as the wait. */
static inline void wait_for_all(void)
{
	for (int i = 0; i < count; i++)
		while (list[i] != NULL && gai_error(list[i]) == EAI_INPROGRESS)
			sleep_ms(1);
}

/* In half seconds, rounded down, since the machine may be busy. */
static inline double since(double start)
{
	return (int)((now() - start) * 2) / 2.0;
}

static inline const struct timespec *milliseconds(long number)
{
	static struct timespec time;
	time = (struct timespec){ number / 1000, number % 1000 * 1000000 };
	return &time;
}

/* ---- Scenarios ---- */

struct scenario {
	const char *name;
	void (*run)(void);
};

/* Runs PROGRAM SCENARIO. The last element of the table has no name. */
static inline int run_scenario(int argc, char **argv, const struct scenario *scenarios)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* malloc returns memory that is not zero, so that fields that a lookup does not write are visible. */
	mallopt(M_PERTURB, FILLER);
	for (; argc > 1 && scenarios->name != NULL; scenarios++)
		if (strcmp(argv[1], scenarios->name) == 0) {
			scenarios->run();
			return 0;
		}
	return 2;
}
