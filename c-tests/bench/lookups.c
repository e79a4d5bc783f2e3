/* Timed lookups in one process: lookups MODE FUNCTION NAME FAMILY [NUMBER]

   MODE rounds   prints "ready", the code and the number of addresses of a first lookup; then, for each line
                 "COUNT BATCH" of its input, the times of COUNT times BATCH lookups in nanoseconds. With NUMBER threads,
                 each performs COUNT lookups, and the elapsed time per lookup is printed once.
        once     prints the time of the first lookup in nanoseconds
        run      performs NUMBER lookups, each preceded by getppid(2) as a marker for tracers
        idle     performs no lookup, and prints the size of private dirty memory of the process in bytes
        memory   prints the increase of that size by NUMBER lookups of different names; %d in NAME is a counter
   FUNCTION gai  getaddrinfo
        raw      the minimum for a lookup: socket, connect, sendmmsg, recv, close, with the server BENCH_SERVER
   NAME          "-" means NULL
   FAMILY        both, or v4

   BENCH_MODULES: the argument of __nss_configure_lookup for hosts. BENCH_MAY_FAIL: the lookup of "once" may fail.
   All further lookups must have the same result as the first one. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

extern int __nss_configure_lookup(const char *database, const char *modules);

/* The result of a lookup. */
struct outcome {
	int code, addresses;
};

typedef struct outcome (*function)(const char *name, int family);

static function look_up;
static const char *name;
static int family;
static struct outcome expected;

static struct outcome by_getaddrinfo(const char *node, int wanted)
{
	struct addrinfo hints = { .ai_family = wanted, .ai_socktype = SOCK_STREAM }, *list = NULL;
	struct outcome outcome = { getaddrinfo(node, node == NULL ? "80" : NULL, &hints, &list), 0 };
	if (outcome.code != 0)
		return outcome;
	for (struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next)
		outcome.addresses++;
	freeaddrinfo(list);
	return outcome;
}

static size_t make_query(unsigned char *query, const char *text, unsigned char type)
{
	static const unsigned char header[12] = { 0x12, 0x34, 1, 0, 0, 1 };
	memcpy(query, header, sizeof header);
	size_t at = sizeof header;
	for (;;) {
		size_t length = strcspn(text, ".");
		query[at] = (unsigned char)length;
		memcpy(query + at + 1, text, length);
		at += length + 1;
		text += length;
		if (*text == '\0')
			break;
		text++;
	}
	const unsigned char end[5] = { 0, 0, type, 0, 1 };
	memcpy(query + at, end, sizeof end);
	return at + sizeof end;
}

static struct outcome by_hand(const char *text, int wanted)
{
	static struct sockaddr_in server = { .sin_family = AF_INET };
	unsigned char queries[2][300], answer[1024];
	struct iovec parts[2];
	struct mmsghdr messages[2] = { 0 };
	int questions = wanted == AF_INET ? 1 : 2;
	if (server.sin_port == 0) {
		server.sin_port = htons(53);
		inet_pton(AF_INET, getenv("BENCH_SERVER"), &server.sin_addr);
	}
	for (int i = 0; i < questions; i++) {
		parts[i] = (struct iovec){ queries[i], make_query(queries[i], text, i == 0 ? 1 : 28) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	struct outcome outcome = { EAI_SYSTEM, 0 };
	int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(handle, (struct sockaddr *)&server, sizeof server) == 0 &&
	    sendmmsg(handle, messages, (unsigned)questions, 0) == questions) {
		outcome.code = 0;
		for (int i = 0; i < questions; i++)
			outcome.addresses += recv(handle, answer, sizeof answer, 0) > 12 ? answer[7] : 0;
	}
	close(handle);
	return outcome;
}

static void check(struct outcome outcome)
{
	if (outcome.code == expected.code && outcome.addresses == expected.addresses)
		return;
	fprintf(stderr, "lookups: %s: code %d and %d addresses, but %d and %d before\n", name, outcome.code, outcome.addresses,
		expected.code, expected.addresses);
	exit(1);
}

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

/* ---- Rounds ---- */

static void one_after_another(int count, int batch)
{
	long *times = malloc((size_t)count * sizeof *times);
	if (times == NULL)
		abort();
	check(look_up(name, family)); /* another process was running on this core */
	for (int i = 0; i < count; i++) {
		long begin = now();
		for (int j = 0; j < batch; j++)
			check(look_up(name, family));
		times[i] = now() - begin;
	}
	for (int i = 0; i < count; i++)
		printf("%ld ", times[i]);
	free(times);
}

static pthread_barrier_t begin_line, end_line;
static int share;

static void *worker(void *unused)
{
	for (;;) {
		pthread_barrier_wait(&begin_line);
		for (int i = 0; i < share; i++)
			check(look_up(name, family));
		pthread_barrier_wait(&end_line);
	}
	return unused;
}

static void start_workers(int threads)
{
	pthread_t thread;
	pthread_barrier_init(&begin_line, NULL, (unsigned)threads + 1);
	pthread_barrier_init(&end_line, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, worker, NULL) != 0)
			abort();
}

static void all_at_once(int count, int threads)
{
	share = count;
	long begin = now();
	pthread_barrier_wait(&begin_line);
	pthread_barrier_wait(&end_line);
	printf("%ld", (now() - begin) / ((long)count * threads));
}

static int rounds(int threads)
{
	int count, batch;
	expected = look_up(name, family);
	if (threads > 0)
		start_workers(threads);
	printf("ready %d %d\n", expected.code, expected.addresses);
	fflush(stdout);
	while (scanf("%d %d", &count, &batch) == 2) {
		if (threads > 0)
			all_at_once(count, threads);
		else
			one_after_another(count, batch);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}

/* ---- Once ---- */

static int once(int unused)
{
	long begin = now();
	struct outcome outcome = look_up(name, family);
	printf("%ld\n", now() - begin);
	(void)unused;
	return outcome.code != 0 && getenv("BENCH_MAY_FAIL") == NULL;
}

static int run(int count)
{
	expected = look_up(name, family);
	for (int i = 0; i < count; i++) {
		getppid();
		check(look_up(name, family));
	}
	getppid();
	return 0;
}

/* ---- Memory ---- */

static long private_dirty(void)
{
	char line[256];
	long kilobytes = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	if (file == NULL)
		abort();
	while (fgets(line, sizeof line, file) != NULL)
		sscanf(line, "Private_Dirty: %ld", &kilobytes);
	fclose(file);
	return kilobytes * 1024;
}

static int idle(int unused)
{
	private_dirty(); /* the memory that reading the value itself needs */
	printf("%ld\n", private_dirty());
	(void)unused;
	return 0;
}

static int memory(int count)
{
	enum { WARM = 16 };
	char text[256];
	long before = 0;
	for (int i = 0; i < WARM + count; i++) {
		if (i == WARM) {
			private_dirty();
			before = private_dirty();
		}
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof text, name, i);
		if (look_up(text, family).code != 0)
			return 1;
	}
	printf("%ld\n", private_dirty() - before);
	return 0;
}

int main(int count, char **words)
{
	static const struct {
		const char *word;
		int (*mode)(int);
	} modes[] = { { "rounds", rounds }, { "once", once }, { "run", run }, { "idle", idle }, { "memory", memory } };
	if (count < 5)
		return 2;
	look_up = strcmp(words[2], "raw") == 0 ? by_hand : by_getaddrinfo;
	name = strcmp(words[3], "-") == 0 ? NULL : words[3];
	family = strcmp(words[4], "v4") == 0 ? AF_INET : AF_UNSPEC;
	if (getenv("BENCH_MODULES") != NULL)
		__nss_configure_lookup("hosts", getenv("BENCH_MODULES"));
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(modes[i].word, words[1]) == 0)
			return modes[i].mode(count > 5 ? atoi(words[5]) : 0);
	return 2;
}
