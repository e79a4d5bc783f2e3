/* Lookups while malloc fails. Usage: out_of_memory MODE first|later LOOKUP...

   MODE specifies the calls that fail, for N = 1, 2...: "nth" only the N-th one, "from" the N-th one and all following
   ones, "above" those for more than N * 64 bytes (N increases in growing steps), "limit" those for which the kernel
   would have to provide memory, with N * 16 KiB available.
   "first": each lookup is the first one of its process. "later": all lookups are in one process, after other lookups.
   N increases until a lookup proceeds without a failure. MALLOC_FAILS_AT=N makes the N-th call since the start of the
   program fail. LOOKUP_PATIENCE=SECONDS is the time limit for a lookup.

   Prints the number of each result for each lookup, and errors in capitals: the signal that killed a child, a wrong
   result, or a wrong result of the next lookup. */

#include "lookup_line.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEVER, NTH, FROM, ABOVE, LIMIT, OUTCOMES = 32, PATIENCE = 4 };

/* ---- malloc, which may fail ---- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
extern char **environ;

static volatile int mode = NEVER;
static volatile size_t limit, calls, failed;

/* Reads MALLOC_FAILS_AT. */
static void read_environment(void)
{
	static int has_read;
	if (has_read || environ == NULL)
		return;
	has_read = 1;
	static const char start[] = "MALLOC_FAILS_AT=";
	for (char **each = environ; *each != NULL; each++)
		if (strncmp(*each, start, sizeof start - 1) == 0) {
			mode = NTH;
			limit = (size_t)strtoul(*each + sizeof start - 1, NULL, 10);
		}
}

static int is_refused(size_t size)
{
	read_environment();
	size_t call = ++calls;
	int refused = (mode == NTH && call == limit) || (mode == FROM && call >= limit) || (mode == ABOVE && size > limit * 64);
	failed += (size_t)refused;
	if (refused)
		errno = ENOMEM;
	return refused;
}

void *malloc(size_t size)
{
	return is_refused(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_refused(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return is_refused(size) ? NULL : __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
	return is_refused(size) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
	void *memory = memalign(alignment, size);
	if (memory == NULL)
		return ENOMEM;
	*place = memory;
	return 0;
}

/* ---- A process without memory to spare ---- */

static long mapped(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (file == NULL || fscanf(file, "%ld", &pages) != 1)
		pages = 0;
	if (file != NULL)
		fclose(file);
	return pages * 4096;
}

static void eat(size_t left)
{
	struct rlimit tight = { .rlim_cur = (rlim_t)mapped() + left, .rlim_max = RLIM_INFINITY };
	setrlimit(RLIMIT_AS, &tight);
	/* Use up the free memory of malloc. */
	for (size_t size = 1 << 16; size >= 16; size /= 2)
		for (int i = 0; i < 100000 && (i < 64 || left < 4096); i++) {
			void *memory = __libc_malloc(size);
			if (memory == NULL)
				break;
			__asm__ volatile("" : : "r"(memory) : "memory");
			if (left >= 4096 && malloc_usable_size(memory) > 4096 && i > 2)
				break;
		}
}

static void stop_eating(void)
{
	struct rlimit wide = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	setrlimit(RLIMIT_AS, &wide);
}

/* ---- The lookups ---- */

static struct lookup starving, sated;
static unsigned patience = PATIENCE;

struct result {
	char text[200], next[200];
	size_t failed;
};

/* In shared memory. */
static struct result *result;
static char expected[TEXT];

static void starve(int how, size_t n)
{
	memset(result, 0, sizeof *result);
	memcpy(sated.kind, starving.kind, sizeof starving.kind);
	memcpy(sated.name, starving.name, sizeof starving.name);
	memcpy(sated.service, starving.service, sizeof starving.service);
	if (how == LIMIT)
		eat(n * 16384);
	limit = n, calls = failed = 0, mode = how;
	look(&starving);
	mode = NEVER;
	if (how == LIMIT)
		stop_eating();
	result->failed = failed;
	snprintf(result->text, sizeof result->text, "%.190s", strcmp(starving.text, expected) == 0 ? "answered" : starving.text);
	look(&sated);
	snprintf(result->next, sizeof result->next, "%.190s", strcmp(sated.text, expected) == 0 ? "" : sated.text);
}

static void in_a_child(int how, size_t n, char *death)
{
	int status = 0;
	pid_t child = fork();
	death[0] = '\0';
	if (child == 0) {
		alarm(patience);
		starve(how, n);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		sprintf(death, "DIED: %s", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		sprintf(death, "ENDED WITH %d", WEXITSTATUS(status));
}

static struct {
	char text[256];
	int count;
	size_t first;
} outcomes[OUTCOMES];

static void count(const char *text, size_t n)
{
	for (int i = 0; i < OUTCOMES; i++) {
		if (outcomes[i].count == 0) {
			snprintf(outcomes[i].text, sizeof outcomes[i].text, "%s", text);
			outcomes[i].first = n;
		}
		if (strcmp(outcomes[i].text, text) == 0) {
			outcomes[i].count++;
			return;
		}
	}
}

/* The result of a lookup without failures, in a separate process. */
static void learn(void)
{
	int channel[2];
	if (pipe(channel) != 0)
		exit(1);
	if (fork() == 0) {
		look(&starving);
		_exit(write(channel[1], starving.text, strlen(starving.text)) < 0);
	}
	close(channel[1]);
	ssize_t length = read(channel[0], expected, sizeof expected - 1);
	expected[length > 0 ? length : 0] = '\0';
	close(channel[0]);
	wait(NULL);
}

static void run(int how, int first)
{
	int unharmed = 0;
	char death[100], text[420];
	memset(outcomes, 0, sizeof outcomes);
	learn();
	if (!first)
		look(&starving);
	for (size_t n = how == LIMIT ? 0 : 1; n < 2000 && unharmed < (how == LIMIT ? 8 : 1); n += how == ABOVE ? 1 + n / 4 : 1) {
		if (first || how == LIMIT) {
			in_a_child(how, n, death);
		} else {
			death[0] = '\0';
			fprintf(stderr, "%zu\n", n); /* Shows N if the process ends here. */
			alarm(patience);
			starve(how, n);
			alarm(0);
		}
		if (death[0] != '\0') {
			count(death, n);
			unharmed = 0;
			continue;
		}
		snprintf(text, sizeof text, "%s%s%s", result->text, result->next[0] != '\0' ? ", THE NEXT " : "", result->next);
		if (how == LIMIT ? strcmp(result->text, "answered") == 0 : result->failed == 0)
			unharmed++;
		else
			unharmed = 0;
		count(text, n);
	}
	printf("%s %s:", starving.kind, starving.name);
	for (int i = 0; i < OUTCOMES && outcomes[i].count > 0; i++)
		printf("%s %d %s (from %zu)", i > 0 ? ";" : "", outcomes[i].count, outcomes[i].text, outcomes[i].first);
	puts(unharmed > 0 ? "" : " NEVER UNHARMED");
	fflush(stdout);
}

int main(int count, char **words)
{
	static const struct named modes[] = { { "nth", NTH }, { "from", FROM }, { "above", ABOVE }, { "limit", LIMIT }, { NULL, 0 } };
	if (getenv("MALLOC_FAILS_AT") != NULL) {
		read_environment(); /* malloc may not have been called yet. */
		printf("%s\n", calls < limit ? "fewer calls" : "started");
		mode = NEVER;
	}
	if (count < 4)
		return 2;
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (getenv("LOOKUP_PATIENCE") != NULL)
		patience = (unsigned)atoi(getenv("LOOKUP_PATIENCE"));
	int how = value_of(words[1], modes);
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	for (int i = 3; i < count; i++)
		if (parse_lookup(&starving, words[i])) {
			if (how != 0) {
				run(how, strcmp(words[2], "first") == 0);
			} else {
				printf("%s\n", look(&starving));
			}
		}
	return 0;
}
