/* Performs lookups and prints all results that are visible to a caller. Each line of standard input is a case.

   A case is one or more commands, separated by " ; ", which are run in one process:

     gai NAME SERVICE FLAGS FAMILY SOCKTYPE PROTOCOL      getaddrinfo; FLAGS: names joined by '|', numbers, or nullhints
     ghbn NAME              ghbn2 NAME FAMILY             gethostbyname, gethostbyname2
     ghbnr NAME LENGTH      ghbn2r NAME FAMILY LENGTH     gethostbyname_r, gethostbyname2_r with a buffer of LENGTH
     ghba ADDRESS           ghbar ADDRESS LENGTH          gethostbyaddr, gethostbyaddr_r
     gni ADDRESS PORT FLAGS [HOSTLENGTH SERVLENGTH]       getnameinfo
     res WHAT VALUE...      writes into _res: see set_resolver
     choose DATABASE MODULES...                           __nss_configure_lookup
     put FILE TEXT          a new /etc/FILE;  setenv NAME VALUE;  locale NAME;  sleep MILLISECONDS;  limit DESCRIPTORS
     directory FILE         a directory instead of /etc/FILE
     thread COMMAND         runs the command in a new thread

   A word "-" is NULL, "''" is empty, %XX is a byte. A family is 4, 6, or its number. PROBE_LIMIT=SECONDS is a time
   limit for a case, after which the process ends. PROBE_SECONDS=1 prints the time of each command in whole seconds.
   PROBE_ERRNO=1 prints errno after getaddrinfo even if it has no meaning. */

#include "results.h"
#include "old_glibc.h"

#include <locale.h>
#include <nss.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORDS = 16 };

/* ---- Words ---- */

static char *decode(const char *word)
{
	if (word == NULL || strcmp(word, "-") == 0)
		return NULL;
	if (strcmp(word, "''") == 0)
		word = "";
	char *text = strdup(word), *out = text;
	for (; *word != '\0'; word++) {
		if (word[0] == '%' && word[1] != '\0' && word[2] != '\0') {
			char digits[3] = { word[1], word[2], '\0' };
			*out++ = (char)strtol(digits, NULL, 16);
			word += 2;
		} else {
			*out++ = *word;
		}
	}
	*out = '\0';
	return text;
}

static int number(char **words, int index)
{
	return words[index] == NULL ? 0 : (int)strtol(words[index], NULL, 0);
}

static int family(char **words, int index)
{
	int value = number(words, index);
	return value == 4 ? AF_INET : value == 6 ? AF_INET6 : value;
}

static int joined_flags(char *text)
{
	static const struct named table[] = {
		{ "PASSIVE", AI_PASSIVE }, { "CANON", AI_CANONNAME }, { "NUMHOST", AI_NUMERICHOST },
		{ "NUMSERV", AI_NUMERICSERV }, { "V4MAPPED", AI_V4MAPPED }, { "ALL", AI_ALL },
		{ "ADDRCONFIG", AI_ADDRCONFIG }, { "IDN", AI_IDN }, { "CANONIDN", AI_CANONIDN }, { NULL, 0 },
	};
	int flags = 0;
	char *rest = NULL;
	for (char *word = strtok_r(text, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest))
		flags |= value_of(word, table);
	return flags;
}

/* ---- Lookups ---- */

static void run_getaddrinfo(char **words)
{
	struct addrinfo hints = { 0 }, *untouched = (void *)1, *list = untouched;
	int null_hints = words[3] != NULL && strcmp(words[3], "nullhints") == 0;
	if (words[3] != NULL && !null_hints)
		hints.ai_flags = joined_flags(words[3]);
	hints.ai_family = words[4] == NULL ? 0 : family(words, 4);
	hints.ai_socktype = words[4] == NULL ? 0 : number(words, 5);
	hints.ai_protocol = words[4] == NULL || words[5] == NULL ? 0 : number(words, 6);
	char *name = decode(words[1]), *service = decode(words[2]);
	errno = UNTOUCHED_ERRNO;
	int code = getaddrinfo(name, service, null_hints ? NULL : &hints, &list);
	int error = errno;
	fputs(eai_name(code), stdout);
	if (code == EAI_SYSTEM || getenv("PROBE_ERRNO") != NULL)
		print_errno(error);
	if (code != 0 && list != untouched)
		fputs(" RESULT-TOUCHED", stdout);
	if (code == 0) {
		for (struct addrinfo *node = list; node != NULL; node = node->ai_next)
			print_node(node);
		free_backwards(list);
	}
	free(name);
	free(service);
}

static void print_static(struct hostent *host, int error)
{
	/* After success, h_errno has no meaning: glibc leaves the value from the last step of the search. */
	if (host != NULL) {
		fputs("found", stdout);
		print_hostent(host, NULL, NULL);
		return;
	}
	printf("h_errno=%d", h_errno);
	if (h_errno == NETDB_INTERNAL)
		print_errno(error);
}

static void run_gethostbyname(char **words)
{
	char *name = decode(words[1]);
	errno = UNTOUCHED_ERRNO;
	h_errno = UNTOUCHED_H_ERRNO;
	struct hostent *host = words[0][4] == '2' ? gethostbyname2(name, family(words, 2)) : gethostbyname(name);
	print_static(host, errno);
	free(name);
}

static socklen_t parse_address(const char *text, unsigned char *address, int *family)
{
	*family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	inet_pton(*family, text, address);
	return *family == AF_INET6 ? 16 : 4;
}

static void run_gethostbyaddr(char **words)
{
	unsigned char address[16];
	int family = 0;
	socklen_t length = parse_address(words[1], address, &family);
	errno = UNTOUCHED_ERRNO;
	h_errno = UNTOUCHED_H_ERRNO;
	struct hostent *host = gethostbyaddr(address, length, family);
	print_static(host, errno);
}

/* The functions with a buffer argument, which must not change the bytes around the buffer. */
static void run_reentrant(char **words)
{
	int two = strcmp(words[0], "ghbn2r") == 0, by_address = strcmp(words[0], "ghbar") == 0;
	int length = number(words, two ? 3 : 2), kind = 0, error = UNTOUCHED_H_ERRNO, code;
	char *whole = malloc((size_t)length + 2 * GUARD), *buffer = whole + GUARD;
	struct hostent host, *untouched = (void *)1, *result = untouched;
	memset(whole, FILLER, (size_t)length + 2 * GUARD);
	char *name = by_address ? NULL : decode(words[1]);
	unsigned char address[16];
	socklen_t size = by_address ? parse_address(words[1], address, &kind) : 0;
	errno = UNTOUCHED_ERRNO;
	h_errno = UNTOUCHED_H_ERRNO;
	if (by_address)
		code = gethostbyaddr_r(address, size, kind, &host, buffer, (size_t)length, &result, &error);
	else if (two)
		code = gethostbyname2_r(name, family(words, 2), &host, buffer, (size_t)length, &result, &error);
	else
		code = gethostbyname_r(name, &host, buffer, (size_t)length, &result, &error);
	int after = errno;
	printf("rc=%d", code);
	if (result == NULL || result == untouched)
		printf(" h_errnop=%d", error);
	if (code != 0)
		print_errno(after);
	for (int i = 0; i < GUARD; i++)
		if ((unsigned char)whole[i] != FILLER || (unsigned char)buffer[length + i] != FILLER)
			fputs(" GUARD-OVERWRITTEN", stdout);
	if (result == NULL || result == untouched)
		fputs(result == NULL ? " hostent=NULL" : " hostent=UNTOUCHED", stdout);
	else
		print_hostent(result, buffer, buffer + length);
	if (result != NULL && result != untouched && result != &host)
		fputs(" ANOTHER-HOSTENT", stdout);
	free(whole);
	free(name);
}

static void run_getnameinfo(char **words)
{
	static const struct named table[] = { { "NAMEREQD", NI_NAMEREQD }, { "NUMERICHOST", NI_NUMERICHOST },
					      { "NUMERICSERV", NI_NUMERICSERV }, { "DGRAM", NI_DGRAM },
					      { "NOFQDN", NI_NOFQDN }, { "IDN", NI_IDN }, { NULL, 0 } };
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} address = { 0 };
	char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "", *rest = NULL, *scope = strchr(words[1], '/');
	int flags = 0;
	if (scope != NULL)
		*scope++ = '\0';
	if (strchr(words[1], ':') != NULL) {
		address.six.sin6_family = AF_INET6;
		address.six.sin6_port = htons((uint16_t)number(words, 2));
		address.six.sin6_scope_id = scope == NULL ? 0 : (uint32_t)atoi(scope);
		inet_pton(AF_INET6, words[1], &address.six.sin6_addr);
	} else {
		address.four.sin_family = AF_INET;
		address.four.sin_port = htons((uint16_t)number(words, 2));
		inet_pton(AF_INET, words[1], &address.four.sin_addr);
	}
	for (char *word = strtok_r(words[3], "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest))
		flags |= value_of(word, table);
	socklen_t length = address.any.sa_family == AF_INET6 ? sizeof address.six : sizeof address.four;
	socklen_t host_length = words[4] == NULL ? sizeof host : (socklen_t)number(words, 4);
	socklen_t service_length = words[4] == NULL ? sizeof service : (socklen_t)number(words, 5);
	errno = UNTOUCHED_ERRNO;
	int code = getnameinfo(&address.any, length, host, host_length, service, service_length, flags);
	int error = errno;
	fputs(eai_name(code), stdout);
	if (code == EAI_SYSTEM)
		print_errno(error);
	if (code == 0) {
		fputs(" host=", stdout);
		print_text(host);
		fputs(" service=", stdout);
		print_text(service);
	}
}

/* ---- Changes by a program before a lookup ---- */

static void set_server(const char *address, int port)
{
	_res.nscount = 1;
	_res.nsaddr_list[0].sin_family = AF_INET;
	_res.nsaddr_list[0].sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, address, &_res.nsaddr_list[0].sin_addr);
}

static void set_resolver(char **words)
{
	static const struct named options[] = {
		{ "usevc", RES_USEVC }, { "igntc", RES_IGNTC }, { "recurse", RES_RECURSE }, { "defnames", RES_DEFNAMES },
		{ "stayopen", RES_STAYOPEN }, { "dnsrch", RES_DNSRCH }, { "rotate", RES_ROTATE }, { "edns0", RES_USE_EDNS0 },
		{ "notldquery", RES_NOTLDQUERY }, { "noaliases", RES_NOALIASES }, { "trustad", RES_TRUSTAD },
		{ "single", RES_SNGLKUP }, { "dnssec", RES_USE_DNSSEC }, { "noaaaa", RES_NOAAAA }, { NULL, 0 },
	};
	const char *what = words[1];
	if ((_res.options & RES_INIT) == 0)
		res_init();
	if (strcmp(what, "+") == 0)
		_res.options |= (unsigned)value_of(words[2], options);
	else if (strcmp(what, "-") == 0)
		_res.options &= ~(unsigned)value_of(words[2], options);
	else if (strcmp(what, "ndots") == 0)
		_res.ndots = (unsigned)number(words, 2) & 15;
	else if (strcmp(what, "retrans") == 0)
		_res.retrans = number(words, 2);
	else if (strcmp(what, "retry") == 0)
		_res.retry = number(words, 2);
	else if (strcmp(what, "servers") == 0)
		_res.nscount = number(words, 2);
	else if (strcmp(what, "server") == 0)
		set_server(words[2], number(words, 3));
	else if (strcmp(what, "search") == 0)
		_res.dnsrch[0] = decode(words[2]), _res.dnsrch[1] = decode(words[3]);
	else if (strcmp(what, "init") == 0)
		res_init();
	else
		fputs("UNKNOWN", stdout);
	fputs("done", stdout);
}

static void choose_modules(char **words)
{
	char modules[256] = "";
	for (int i = 2; words[i] != NULL; i++) {
		char *word = decode(words[i]);
		snprintf(modules + strlen(modules), sizeof modules - strlen(modules), " %s", word);
		free(word);
	}
	errno = UNTOUCHED_ERRNO;
	int code = __nss_configure_lookup(words[1], modules);
	int error = errno;
	printf("rc=%d", code);
	print_errno(error);
}

static void put_file(char **words)
{
	char path[256];
	snprintf(path, sizeof path, "/etc/%s", words[1]);
	unlink(path);
	FILE *file = words[2] == NULL ? NULL : fopen(path, "w");
	for (int i = 2; file != NULL && words[i] != NULL; i++) {
		char *text = decode(words[i]);
		fprintf(file, "%s ", text);
		free(text);
	}
	if (file != NULL)
		fclose(file);
	fputs("done", stdout);
}

static void put_directory(char **words)
{
	char path[256];
	snprintf(path, sizeof path, "/etc/%s", words[1]);
	unlink(path);
	fputs(mkdir(path, 0755) == 0 ? "done" : "failed", stdout);
}

static void change_process(char **words)
{
	struct rlimit limit;
	struct timespec time = { number(words, 1) / 1000, number(words, 1) % 1000 * 1000000L };
	if (strcmp(words[0], "setenv") == 0 && words[2] != NULL) {
		char *value = decode(words[2]);
		setenv(words[1], value, 1);
		free(value);
	} else if (strcmp(words[0], "setenv") == 0) {
		unsetenv(words[1]);
	} else if (strcmp(words[0], "locale") == 0) {
		fputs(setlocale(LC_ALL, words[1]) == NULL ? "no such locale, " : "", stdout);
	} else if (strcmp(words[0], "sleep") == 0) {
		nanosleep(&time, NULL);
	} else if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = (rlim_t)number(words, 1);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	fputs("done", stdout);
}

/* ---- Cases ---- */

static void run_words(char **words, int count);

static void *run_here(void *words)
{
	char **all = words;
	int count = 0;
	while (all[count] != NULL)
		count++;
	run_words(all, count);
	return NULL;
}

static void run_thread(char **words)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, run_here, words + 1) == 0)
		pthread_join(thread, NULL);
}

static const struct command {
	const char *name;
	int words;
	void (*run)(char **words);
} commands[] = {
	{ "gai", 2, run_getaddrinfo }, { "ghbn", 2, run_gethostbyname }, { "ghbn2", 3, run_gethostbyname },
	{ "ghbnr", 3, run_reentrant }, { "ghbn2r", 4, run_reentrant }, { "ghba", 2, run_gethostbyaddr },
	{ "ghbar", 3, run_reentrant }, { "gni", 4, run_getnameinfo }, { "res", 2, set_resolver },
	{ "choose", 2, choose_modules }, { "put", 2, put_file }, { "directory", 2, put_directory }, { "thread", 2, run_thread },
	 { "setenv", 2, change_process }, { "locale", 2, change_process },
	{ "sleep", 2, change_process }, { "limit", 2, change_process },
};

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_words(char **words, int count)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		if (count < commands[i].words)
			break;
		double start = now();
		commands[i].run(words);
		if (getenv("PROBE_SECONDS") != NULL)
			printf(" [%.0f s]", now() - start);
		return;
	}
	printf("NOT A COMMAND: %s", words[0]);
}

static void run_command(char *text)
{
	char *words[MAX_WORDS + 1] = { NULL }, *rest = NULL;
	int count = 0;
	for (char *word = strtok_r(text, " \t\n", &rest); word != NULL && count < MAX_WORDS; word = strtok_r(NULL, " \t\n", &rest))
		words[count++] = word;
	if (count > 0)
		run_words(words, count);
}

static void run_case(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	printf("%.200s\n  => ", line);
	for (char *next; line != NULL; line = next) {
		next = strstr(line, " ; ");
		if (next != NULL) {
			*next = '\0';
			next += strlen(" ; ");
		}
		fflush(stdout);
		run_command(line);
		fputs(next != NULL ? "\n  => " : "\n", stdout);
	}
	fflush(stdout);
}

static void too_long(int signal)
{
	static const char text[] = "still waiting\n";
	(void)signal;
	_exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 0 : 1);
}

int main(void)
{
	const char *limit = getenv("PROBE_LIMIT");
	char *line = NULL;
	size_t size = 0;
	signal(SIGALRM, too_long);
	setlocale(LC_ALL, "");
	/* malloc returns memory that is not zero, so that fields that a lookup does not write are visible. */
	mallopt(M_PERTURB, FILLER);
	while (getline(&line, &size, stdin) > 0) {
		alarm(limit == NULL ? 0 : (unsigned)atoi(limit));
		run_case(line);
	}
	free(line);
	return 0;
}
