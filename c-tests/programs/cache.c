/* Cached answers: cache SCENARIO COUNT

   This program is its own name server, on 127.0.0.1#5399, so that it can count queries, including those of its
   children. Names below "c.example" have an address of each family, which contains the number of queries, with a time
   to live of five minutes. */

#define WITH_CLOCK
#include "scenarios.h"
#include "old_glibc.h"

#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <resolv.h>

#define RULE "bypass *.c.example via 127.0.0.1#5399 timeout 5 attempts 3\n"

/* The number of queries so far, from all processes. */
static int *asked;

static size_t answer_to(unsigned char *message, size_t length)
{
	unsigned char *type = message + 12;
	while (*type != 0)
		type += *type + 1;
	int six = type[2] == 28, number = __atomic_add_fetch(asked, 1, __ATOMIC_SEQ_CST);
	unsigned char record[] = { 0xc0, 12, 0, type[2], 0, 1, 0, 0, 1, 44, 0, six ? 16 : 4 };
	unsigned char address[16] = { 192, 0, (unsigned char)(number >> 8), (unsigned char)number };
	if (six)
		memcpy(address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0", 14), address[14] = 0, address[15] = 1;
	/* There is a route to one of them, and none to the other. */
	if (message[13] == 'o')
		address[six ? 3 : 2] = six ? 0xb9 : 2;
	message[2] |= 0x84, message[3] = 0x80, message[7] = 1;
	memcpy(message + length, record, sizeof record);
	memcpy(message + length + sizeof record, address, record[11]);
	return length + sizeof record + record[11];
}

static void *serve(void *unused)
{
	int fd = *(int *)unused;
	unsigned char message[1024];
	struct sockaddr_storage peer;
	for (;;) {
		socklen_t size = sizeof peer;
		ssize_t length = recvfrom(fd, message, 512, 0, (void *)&peer, &size);
		if (length > 16)
			sendto(fd, message, answer_to(message, (size_t)length), 0, (void *)&peer, size);
	}
	return unused;
}

static void start_server(const char *configuration)
{
	static int fd;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(5399), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	asked = mmap(NULL, sizeof *asked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (asked == MAP_FAILED || bind(fd, (void *)&address, sizeof address) != 0)
		abort();
	put("/etc/nss-bypass.conf", configuration, 0);
	start(serve, &fd);
}

/* The number of queries that a lookup of the name causes: two, or none if the answer is cached. */
static int questions(const char *name)
{
	char answer[ANSWER];
	int before = __atomic_load_n(asked, __ATOMIC_SEQ_CST);
	look_up("gai", name, answer);
	if (strncmp(answer, "192.0.", 6) != 0)
		printf("  WRONG %s: %s\n", name, answer), failures++;
	return __atomic_load_n(asked, __ATOMIC_SEQ_CST) - before;
}

/* ---- Memory ---- */

static void look_many_up(int from, int count)
{
	char name[64];
	for (int i = from; i < from + count; i++) {
		sprintf(name, "a-name-of-usual-length-%d.c.example", i);
		questions(name);
	}
}

static void many(int count)
{
	start_server("cache 1000\n" RULE);
	look_many_up(0, 8000); /* Until the cache is full. */
	long before = resident();
	look_many_up(8000, count);
	long grown = resident() - before;
	row(grown > 1024, "different names, 1000 of which are cached", count, "%+ld KiB", grown);
}

static void bytes(int count)
{
	char text[128];
	sprintf(text, "cache %d\n" RULE, count * 2);
	start_server(text);
	questions("first.c.example");
	size_t before = mallinfo2().uordblks;
	look_many_up(0, count);
	size_t each = (mallinfo2().uordblks - before) / (size_t)count;
	int kept = 0;
	char name[64];
	for (int i = 0; i < count; i++) {
		sprintf(name, "a-name-of-usual-length-%d.c.example", i);
		kept += questions(name) == 0;
	}
	row(each > 1024 || kept < count * 3 / 4, "memory of an answer with two addresses, including its place in the table",
	    count, "%zu bytes; %d cached", each, kept);
}

/* Answers of 64 KiB, which result in lists of aliases of more than a megabyte. */
static void large(int count)
{
	char name[96], answer[ANSWER];
	put("/etc/nss-bypass.conf", "cache 1000\nbypass *.m.example via 127.0.0.54 timeout 5 attempts 3\n", 0);
	struct hostent host, *found;
	static char buffer[4 << 20];
	int error, wrong = 0;
	long before = 0;
	for (int i = 0; i < count; i++) {
		if (i == 2)
			before = resident();
		sprintf(name, "tcaliases_nodata.n%d.m.example", i);
		wrong += gethostbyname_r(name, &host, buffer, sizeof buffer, &found, &error) != 0 || found == NULL;
		sprintf(name, "tcfull_nodata.n%d.m.example", i);
		look_up("gai", name, answer);
	}
	long grown = resident() - before;
	row(wrong || grown > 2 << 10, "answers of 64 KiB", count, "%+ld KiB, %d wrong", grown, wrong);
}

/* A change of the configuration creates an empty cache. The old one must be freed. */
static void reloads(int count)
{
	char text[256];
	start_server("cache 256\n" RULE);
	enum { WARM = 30 };
	size_t used = 0;
	for (int i = 0; i < count + WARM; i++) {
		if (i == WARM)
			used = mallinfo2().uordblks;
		sprintf(text, "cache 256\n" RULE "# %d\n", i);
		put("/etc/nss-bypass.conf", text, 0);
		look_again();
		look_many_up(0, 100);
	}
	long grown = (long)(mallinfo2().uordblks - used);
	row(grown > 65536, "changes of the configuration, with 100 answers cached before each", count, "%+ld bytes", grown);
}

/* ---- Threads ---- */

static int of_other_thread;

static void *wish(void *unused)
{
	if (res_init() != 0)
		abort();
	_res.retrans = 7;
	for (int i = 0; i < 3; i++)
		of_other_thread += questions("shared.c.example");
	return unused;
}

static void wishes(int unused)
{
	(void)unused;
	start_server("cache 1000\n" RULE);
	int first = questions("shared.c.example");
	pthread_join(start(wish, NULL), NULL);
	int again = questions("shared.c.example");
	row(first != 2 || of_other_thread != 6 || again != 0, "lookups of a thread that has changed its _res", 3,
	    "%d queries; of another thread %d before and %d after", of_other_thread, first, again);
	_res.retry = 4;
	int own = questions("shared.c.example");
	row(own != 2, "a lookup of the first thread after the same change", 1, "%d queries", own);
}

/* A thread moves to a new network namespace, where no server answers, and back. */
static void *move(void *unused)
{
	char path[64], answer[ANSWER];
	sprintf(path, "/proc/self/task/%d/ns/net", gettid());
	int here = open(path, O_RDONLY | O_CLOEXEC), times = *(int *)unused, wrong = 0, later = 0;
	for (int i = 0; i < times; i++) {
		if (unshare(CLONE_NEWNET) != 0)
			abort();
		look_up("gai", "moved.c.example", answer);
		wrong += strcmp(answer, "EAI_AGAIN") != 0;
		if (setns(here, CLONE_NEWNET) != 0)
			abort();
		later += questions("moved.c.example");
	}
	close(here);
	row(wrong + later > 0, "moves of a thread to a new network namespace and back", times,
	    "%d answers of the old network in the new one, %d queries after its return", wrong, later);
	return unused;
}

static void moves(int count)
{
	start_server("cache 1000\n" RULE);
	questions("moved.c.example");
	pthread_join(start(move, &count), NULL);
}

/* ---- Descriptors ---- */

static int first_family(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	if (getaddrinfo("ordered.c.example", NULL, &hints, &list) != 0)
		return -1;
	int family = list->ai_family;
	freeaddrinfo(list);
	return family;
}

/* IPv4 comes first, since there is no route to the IPv6 address, but not if the kernel cannot be queried for routes. */
static void descriptors(int count)
{
	int blind = 0, wrong = 0;
	struct rlimit many, few = { 3, 0 };
	start_server("cache 1000\n" RULE);
	getrlimit(RLIMIT_NOFILE, &many);
	few.rlim_max = many.rlim_max;
	pause_for(2.1); /* So that /etc/hosts is also cached. */
	first_family();
	for (int i = 0; i < count; i++) {
		pause_for(1.1);
		setrlimit(RLIMIT_NOFILE, &few);
		blind += first_family() == AF_INET6;
		setrlimit(RLIMIT_NOFILE, &many);
		wrong += first_family() != AF_INET;
	}
	row(wrong || blind != count, "cached answers sorted without a free descriptor, and then with some", count,
	    "%d and %d in another order", blind, wrong);
}

/* ---- Children ---- */

static volatile int stop;

static void *look_without_pause(void *unused)
{
	char name[64];
	for (int i = 0; !stop; i++) {
		sprintf(name, "n%d.c.example", i % 97);
		questions(name);
	}
	return unused;
}

static int child(int i)
{
	char name[64];
	alarm(30);
	failures = 0;
	sprintf(name, "childs-%d.c.example", i);
	questions(name);
	for (int j = 0; j < 97; j++) {
		sprintf(name, "n%d.c.example", j);
		questions(name);
	}
	return failures != 0;
}

/* Without queries of other threads, so that queries can be counted. */
static void quiet_children(int count)
{
	int wrong = 0, status;
	start_server("cache 1000\n" RULE);
	questions("parents.c.example");
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			alarm(30);
			int parents = questions("parents.c.example"), first = questions("childs.c.example");
			int second = questions("childs.c.example");
			_exit(parents != 0 || first != 2 || second != 0);
		}
		waitpid(pid, &status, 0);
		wrong += status != 0;
	}
	int own = questions("childs.c.example");
	row(wrong || own != 2, "children that use and extend the cache", count, "%d do not", wrong);
}

static void children(int count)
{
	int hung = 0, failed = 0, status;
	start_server("cache 64\n" RULE);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		threads[i] = start(look_without_pause, NULL);
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(child(i));
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			hung++;
		else if (status != 0)
			failed++;
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	row(hung + failed > 0, "fork during continuous use of the cache by threads", count,
	    "%d hang, %d fail", hung, failed);
}

/* ---- Files ---- */

/* Makes a change, and waits for the next tick of the kernel's clock, from which on it is detected. */
static void change(const char *path, const char *text, int in_place)
{
	put(path, text, in_place);
	pause_for(0.01);
}

/* All changes have the same length, and are checked in the next tick. HOW 0: by rename, 1: in place. */
static void hosts(int count)
{
	char text[128], answer[ANSWER], expected[64];
	start_server("cache 1000\n" RULE);
	questions("line.c.example");
	for (int in_place = 0; in_place < 2; in_place++) {
		int stale = 0;
		for (int i = 0; i < count; i++) {
			sprintf(expected, "192.0.2.%d", 100 + i % 100);
			sprintf(text, "%s line.c.example\n", expected);
			change("/etc/hosts", text, in_place);
			look_up("gai", "line.c.example", answer);
			stale += strcmp(answer, expected) != 0;
			if (i % 50 == 49) {
				/* The file is cached by now, and is then changed again. */
				pause_for(2.1);
				look_up("gai", "line.c.example", answer);
				look_up("gai", "line.c.example", answer);
				stale += strcmp(answer, expected) != 0;
			}
		}
		row(stale > 0, in_place ? "changes of /etc/hosts in place, of the same size" : "changes of /etc/hosts by rename, of the same size",
		    count, "%d do not take effect in the next tick", stale);
	}
	change("/etc/hosts", "127.0.0.1 localhost\n", 0);
	int after = questions("line.c.example");
	row(after != 0, "the cached answer is used again after removal of the line", 1, "%d queries", after);
}

/* The server 127.0.0.53 returns one address, and .54 returns two. */
static void resolv(int count)
{
	char answer[ANSWER];
	int stale = 0;
	put("/etc/nss-bypass.conf", "cache 1000\nbypass *.m.example\n", 0);
	for (int i = 0; i < count; i++) {
		change("/etc/resolv.conf", i % 2 ? "nameserver 127.0.0.54\noptions timeout:5\n" : "nameserver 127.0.0.53\noptions timeout:5\n", 0);
		for (int j = 0; j < 2; j++) {
			look_up("gai", "okzok2_nodata.m.example", answer);
			stale += strcmp(answer, i % 2 ? "192.0.2.1 192.0.2.2" : "192.0.2.1") != 0;
		}
	}
	row(stale > 0, "changes of resolv.conf to another server", count, "%d do not take effect in the next tick", stale);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "many", many }, { "bytes", bytes }, { "large", large }, { "reloads", reloads }, { "wishes", wishes },
		{ "moves", moves }, { "children", children }, { "quiet-children", quiet_children }, { "hosts", hosts },
		{ "resolv", resolv }, { "descriptors", descriptors }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
