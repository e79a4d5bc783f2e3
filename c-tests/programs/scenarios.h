/* Common code of the programs of tests/host_process: lookups with known answers, and results as rows of a table.

   In their world, names below "m.example" are matched by /etc/nss-bypass.conf, with the server 127.0.0.54 (or .55). All
   others are forwarded to libc, which queries 127.0.0.53. The number of addresses in an answer depends on the server.
   With bare glibc, resolv.conf contains 127.0.0.54, so that the answers are the same. */

#include "results.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 1024 };

#define TWO "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2"

struct lookup {
	const char *kind, *name, *answer;
};

/* Lookups of several kinds that are matched. */
static const struct lookup matched[] = {
	{ "gai", "okzok2_okzok2.m.example", TWO },
	{ "gai", "filed.m.example", "192.0.2.90 2001:db8::90" },
	{ "canon", "cname_cname.m.example", "C2.t.example 192.0.2.7 2001:db8::7" },
	{ "ghbn", "okzok2_okzok2.m.example", "okzok2_okzok2.m.example 192.0.2.1 192.0.2.2" },
	{ "ghbn_r", "filed.m.example", "filed.m.example 192.0.2.90" },
	{ "ghbn2", "filed.m.example", "filed.m.example 2001:db8::90" },
	{ "gai", "nx_nx.m.example", "EAI_NONAME" },
	{ "gai", "tc40_nodata.m.example", "40 addresses" },
	{ "gni", "192.0.2.3", "UPPER.t.example" },
	{ "ghba", "192.0.2.91", "reverse.m.example 192.0.2.91" },
};
enum { KINDS = sizeof matched / sizeof *matched };

/* A lookup that is forwarded to libc. */
static const struct lookup passed = { "gai", "okzok2_okzok2.t.example", "192.0.2.1 2001:db8::1" };

/* Whether this process runs without the library, so that answers of libc are not errors. */
static int bare;

/* ---- Lookups ---- */

static inline int by_text(const void *one, const void *other)
{
	return strcmp(one, other);
}

/* Joins addresses in one line, in alphabetical order. Many of them are replaced with their number. */
static inline void join(char *answer, char (*texts)[INET6_ADDRSTRLEN], int count)
{
	if (count > 8) {
		sprintf(answer + strlen(answer), "%d addresses", count);
		return;
	}
	qsort(texts, (size_t)count, sizeof *texts, by_text);
	for (int i = 0; i < count; i++)
		strcat(strcat(answer, i > 0 ? " " : ""), texts[i]);
}

static inline void answer_of_list(const struct addrinfo *list, int with_name, char *answer)
{
	static __thread char texts[256][INET6_ADDRSTRLEN];
	int count = 0;
	if (with_name)
		sprintf(answer, "%s ", list->ai_canonname != NULL ? list->ai_canonname : "NULL");
	for (const struct addrinfo *node = list; node != NULL && count < 256; node = node->ai_next) {
		const void *address = node->ai_family == AF_INET ?
			(const void *)&((const struct sockaddr_in *)node->ai_addr)->sin_addr :
			(const void *)&((const struct sockaddr_in6 *)node->ai_addr)->sin6_addr;
		inet_ntop(node->ai_family, address, texts[count++], INET6_ADDRSTRLEN);
	}
	join(answer, texts, count);
}

static inline void answer_of_host(const struct hostent *host, char *answer)
{
	static __thread char texts[256][INET6_ADDRSTRLEN];
	int count = 0;
	snprintf(answer, ANSWER / 2, "%s ", host->h_name);
	for (char **address = host->h_addr_list; *address != NULL && count < 256; address++)
		inet_ntop(host->h_addrtype, *address, texts[count++], INET6_ADDRSTRLEN);
	join(answer, texts, count);
}

static inline void look_up(const char *kind, const char *name, char *answer)
{
	strcpy(answer, "");
	if (strcmp(kind, "gai") == 0 || strcmp(kind, "canon") == 0) {
		int with_name = *kind == 'c';
		struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = with_name ? AI_CANONNAME : 0 }, *list;
		int code = getaddrinfo(name, NULL, &hints, &list);
		if (code != 0) {
			strcpy(answer, eai_name(code));
			return;
		}
		answer_of_list(list, with_name, answer);
		freeaddrinfo(list);
		return;
	}
	struct in_addr address;
	struct hostent host, *found = NULL;
	char buffer[8192];
	int error = 0;
	if (strcmp(kind, "ghbn") == 0) {
		found = gethostbyname(name);
		error = h_errno;
	} else if (strcmp(kind, "ghbn2") == 0) {
		found = gethostbyname2(name, AF_INET6);
		error = h_errno;
	} else if (strcmp(kind, "ghbn_r") == 0) {
		gethostbyname_r(name, &host, buffer, sizeof buffer, &found, &error);
	} else if (strcmp(kind, "ghba") == 0) {
		inet_pton(AF_INET, name, &address);
		gethostbyaddr_r(&address, 4, AF_INET, &host, buffer, sizeof buffer, &found, &error);
	} else {
		struct sockaddr_in socket_address = { .sin_family = AF_INET };
		inet_pton(AF_INET, name, &socket_address.sin_addr);
		int code = getnameinfo((void *)&socket_address, sizeof socket_address, answer, ANSWER, NULL, 0, NI_NAMEREQD);
		if (code != 0)
			strcpy(answer, eai_name(code));
		return;
	}
	if (found != NULL)
		answer_of_host(found, answer);
	else
		sprintf(answer, "h_errno=%d", error);
}

/* Returns whether the answer is correct, and prints a message if it is not. */
static inline int is_right(const struct lookup *lookup)
{
	char answer[ANSWER];
	look_up(lookup->kind, lookup->name, answer);
	if (strcmp(answer, lookup->answer) == 0)
		return 1;
	char line[2 * ANSWER];
	int length = snprintf(line, sizeof line, "  WRONG %s %s: %s, not %s\n", lookup->kind, lookup->name, answer,
			      lookup->answer);
	return write(STDOUT_FILENO, line, (size_t)length) < 0;
}

/* The number of wrong answers in lookups of all kinds. Kinds with a static result are only for one thread. */
static inline int wrong_answers(int with_static)
{
	int wrong = 0;
	for (int i = 0; i < KINDS; i++)
		if (with_static || (strcmp(matched[i].kind, "ghbn") != 0 && strcmp(matched[i].kind, "ghbn2") != 0))
			wrong += !is_right(&matched[i]);
	return wrong;
}

/* ---- Results ---- */

static int failures;

/* Prints a row of the table: the condition, the number of repetitions, and the result. BAD: the result is wrong. */
__attribute__((format(printf, 4, 5))) static inline void row(int bad, const char *condition, int times,
							     const char *format, ...)
{
	va_list words;
	printf("= %s | %d | ", condition, times);
	va_start(words, format);
	vprintf(format, words);
	va_end(words);
	printf("%s\n", bad && !bare ? " WRONG" : "");
	fflush(stdout);
	failures += bad != 0;
}

static inline double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void pause_for(double seconds)
{
	struct timespec time = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
	while (nanosleep(&time, &time) != 0)
		;
}

static inline pthread_t start(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, function, argument) != 0)
		abort();
	return thread;
}

static inline void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(signal, &action, NULL);
}

/* ---- Descriptors ---- */

enum { DESCRIPTORS = 8192 };

/* Determines the open descriptors, and returns their number. */
static inline int open_descriptors(unsigned char *open)
{
	int count = 0;
	memset(open, 0, DESCRIPTORS);
	for (int i = 0; i < DESCRIPTORS; i++)
		if (fcntl(i, F_GETFD) >= 0)
			open[i] = 1, count++;
	return count;
}

static inline int count_descriptors(void)
{
	static unsigned char open[DESCRIPTORS];
	return open_descriptors(open);
}

/* The resident memory of the process in KiB. */
static inline long resident(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
		abort();
	fclose(file);
	return pages * 4;
}

/* ---- Files ---- */

/* Replaces a file, or overwrites it in place. */
static inline void put(const char *path, const char *text, int in_place)
{
	char other[256];
	snprintf(other, sizeof other, "%s.new", path);
	int file = open(in_place ? path : other, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	size_t length = strlen(text);
	if (file < 0 || write(file, text, length) != (ssize_t)length || close(file) != 0 ||
	    (!in_place && rename(other, path) != 0))
		abort();
}

#ifdef WITH_CLOCK

/* The library checks its configuration once a second according to this clock, which can be advanced. */
static long ahead;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	static __typeof__(clock_gettime) *real;
	if (real == NULL)
		real = (__typeof__(clock_gettime) *)dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(clock, time);
	if (clock == CLOCK_MONOTONIC_COARSE)
		time->tv_sec += __atomic_load_n(&ahead, __ATOMIC_RELAXED);
	return result;
}

/* Causes the next lookup to detect a change. */
static inline void look_again(void)
{
	__atomic_fetch_add(&ahead, 2, __ATOMIC_RELAXED);
}

#endif

/* ---- Scenarios ---- */

struct scenario {
	const char *name;
	void (*run)(int count);
};

/* PROGRAM SCENARIO COUNT [bare] */
static inline int run_scenario(int argc, char **argv, const struct scenario *scenarios)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	now(); /* Before threads are started, since the first call may search for the function of libc. */
	bare = argc > 3 && strcmp(argv[3], "bare") == 0;
	for (; argc > 2 && scenarios->name != NULL; scenarios++)
		if (strcmp(argv[1], scenarios->name) == 0) {
			scenarios->run(atoi(argv[2]));
			return failures != 0;
		}
	return 2;
}
