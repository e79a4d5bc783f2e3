/* Many threads, while files change: threads SCENARIO COUNT

   Each state of a file results in different answers, so that an answer from a mixture of two states is detected. */

#define WITH_CLOCK
#include "scenarios.h"
#include "old_glibc.h"

enum { THREADS = 64, CHANGES_PER_SECOND = 10 };

/* A file and its states. The first two differ in many bytes, and are installed with rename(2). The other two differ in
   one byte, since a reader may see a partial write(2). */
struct file {
	const char *path, *text[4];
};

#define TIMES "options timeout:5 attempts:3\n"

static const struct file files[] = {
	{ "/etc/nss-bypass.conf",
	  { "bypass *.m.example via 127.0.0.54 timeout 5 attempts 3\npass one.m.example\n",
	    "# The same names elsewhere\nbypass *.m.example via 127.0.0.55 timeout 5 attempts 3\n",
	    "bypass *.m.example via 127.0.0.54 timeout 5 attempts 3\n",
	    "bypass *.m.example via 127.0.0.55 timeout 5 attempts 3\n" } },
	{ "/etc/resolv.conf",
	  { "nameserver 127.0.0.53\nsearch a.m.example a.t.example\n" TIMES, "search b.m.example b.t.example\n" TIMES
	    "nameserver 127.0.0.54\n",
	    "nameserver 127.0.0.53\nsearch a.m.example a.t.example\n" TIMES,
	    "nameserver 127.0.0.54\nsearch a.m.example a.t.example\n" TIMES } },
	{ "/etc/hosts",
	  { "192.0.2.101 pair.m.example one\n192.0.2.102 one.m.example pair.m.example pair.t.example\n",
	    "# moved\n192.0.2.201 pair.m.example two\n192.0.2.202 two.m.example pair.m.example pair.t.example\n",
	    "192.0.2.101 pair.m.example one\n192.0.2.102 one.m.example pair.m.example pair.t.example\n",
	    "192.0.2.201 pair.m.example one\n192.0.2.102 one.m.example pair.m.example pair.t.example\n" } },
};
enum { FILES = sizeof files / sizeof *files };

/* The possible answers for each combination of states. Servers: 53 returns one address, 54 two, 55 three. */
static const struct expected {
	const char *kind, *name, *answers[4];
} expected[] = {
	{ "gai", "okzok2zok3_nodata.m.example", { "192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2 192.0.2.3" } },
	{ "ghbn_r", "okzok2zok3_nodata.m.example",
	  { "okzok2zok3_nodata.m.example 192.0.2.1 192.0.2.2", "okzok2zok3_nodata.m.example 192.0.2.1 192.0.2.2 192.0.2.3" } },
	{ "gai", "okzok2zok3_nodata.t.example", { "192.0.2.1", "192.0.2.1 192.0.2.2" } },
	/* Search lists: the first name of each list exists on the corresponding server. */
	{ "canon", "okzok2zok3_nodata",
	  { "okzok2zok3_nodata.a.m.example 192.0.2.1", "okzok2zok3_nodata.b.m.example 192.0.2.1 192.0.2.2",
	    "okzok2zok3_nodata.a.m.example 192.0.2.1 192.0.2.2" } },
	{ "gai", "pair.m.example", { "192.0.2.101 192.0.2.102", "192.0.2.201 192.0.2.202", "192.0.2.102 192.0.2.201" } },
	{ "gai", "pair.t.example", { "192.0.2.102", "192.0.2.202" } },
	{ "gai", "nx_nx.m.example", { "EAI_NONAME" } },
	{ "gai", "tc40_nodata.m.example", { "40 addresses" } },
};
enum { EXPECTED = sizeof expected / sizeof *expected };

/* The text before each configuration. */
static const char *before = "";

static void put_state(const struct file *file, int state, int in_place)
{
	char text[1024];
	int is_configuration = file == &files[0];
	snprintf(text, sizeof text, "%s%s", is_configuration ? before : "", file->text[state]);
	put(file->path, text, in_place);
}

static volatile int stop;
static int lookups, wrong, met[EXPECTED][4];

static void check(int index)
{
	const struct expected *lookup = &expected[index];
	char answer[ANSWER];
	look_up(lookup->kind, lookup->name, answer);
	__atomic_fetch_add(&lookups, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 4 && lookup->answers[i] != NULL; i++)
		if (strcmp(answer, lookup->answers[i]) == 0) {
			__atomic_store_n(&met[index][i], 1, __ATOMIC_RELAXED);
			return;
		}
	__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	printf("  WRONG %s %s: %s\n", lookup->kind, lookup->name, answer);
}

static void *looker(void *argument)
{
	for (int i = (int)(size_t)argument; !stop; i++)
		check(i % EXPECTED);
	return NULL;
}

/* Changes all files repeatedly, and returns the number of changes. */
static int change(double seconds, int in_place)
{
	int changes = 0;
	double end = now() + seconds;
	for (; now() < end; changes++) {
		for (int i = 0; i < FILES; i++)
			put_state(&files[i], changes % 2 + 2 * in_place, in_place);
		pause_for(1.0 / CHANGES_PER_SECOND);
	}
	return changes;
}

/* Returns whether both states of each file were seen. */
static int all_are_met(void)
{
	for (int i = 0; i < EXPECTED; i++)
		for (int j = 0; j < 2 && expected[i].answers[j] != NULL; j++)
			if (!__atomic_load_n(&met[i][j], __ATOMIC_RELAXED))
				return 0;
	return 1;
}

static void run(int threads, double seconds)
{
	enum { PATIENCE = 60 };
	pthread_t thread[THREADS];
	int changes[2];
	for (int i = 0; i < FILES; i++)
		put_state(&files[i], 0, 0);
	pause_for(1.1);
	for (int i = 0; i < threads; i++)
		thread[i] = start(looker, (void *)(size_t)i);
	changes[0] = change(seconds / 2, 0);
	/* The same states, before they are overwritten in place: a file that becomes shorter temporarily has an old end. */
	for (int i = 0; i < FILES; i++)
		put_state(&files[i], 2, 0);
	changes[1] = change(seconds / 2, 1);
	/* A busy machine may need more time. */
	for (int i = 0; i < PATIENCE && !all_are_met(); i++)
		changes[1] += change(1, 1);
	stop = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	row(wrong > 0, "lookups of many threads while configuration, resolv.conf and hosts are rewritten", lookups,
	    "%d threads, %d wrong; %d changes of all three by rename, %d in place", threads, wrong, changes[0], changes[1]);
	row(!all_are_met(), "both states of each file are seen in the meantime", 1, all_are_met() ? "yes" : "no");
}

static void rewriting(int seconds)
{
	run(THREADS, seconds);
}

/* The same with a cache, which is replaced whenever the configuration changes. */
static void rewriting_kept(int seconds)
{
	before = "cache 64\n";
	run(THREADS, seconds);
}

/* For helgrind, with which everything takes fifty times as long. */
static void few(int seconds)
{
	run(6, seconds);
}

/* ---- The first lookups ---- */

static pthread_barrier_t together;

static void *look_first(void *unused)
{
	pthread_barrier_wait(&together);
	__atomic_fetch_add(&wrong, !is_right(&matched[0]), __ATOMIC_RELAXED);
	return unused;
}

/* Processes whose first lookups are performed by many threads at the same time, all of which read the rules. */
static void first(int count)
{
	int bad = 0, status = 0;
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		if (child == 0) {
			pthread_t thread[THREADS];
			alarm(60);
			pthread_barrier_init(&together, NULL, THREADS);
			for (int j = 0; j < THREADS; j++)
				thread[j] = start(look_first, NULL);
			for (int j = 0; j < THREADS; j++)
				pthread_join(thread[j], NULL);
			_exit(wrong > 0);
		}
		waitpid(child, &status, 0);
		bad += status != 0;
	}
	row(bad > 0, "processes with concurrent first lookups in 64 threads", count, "%d with a wrong answer", bad);
}

/* ---- Memory ---- */

/* Makes a change and performs a lookup. Returns whether the lookup saw the change. */
static int reload(int i)
{
	char answer[ANSWER], text[4096] = "";
	int server = 54 + i % 2;
	/* With varying lengths, memory leaks are easier to detect. */
	for (int line = 0; line < 20 + i % 20; line++)
		sprintf(text + strlen(text), "bypass n%d-%d.x.example via 127.0.0.55\n", i, line);
	sprintf(text + strlen(text), "bypass *.m.example via 127.0.0.%d timeout 5 attempts 3\n", server);
	put("/etc/nss-bypass.conf", text, 0);
	put("/etc/resolv.conf", i % 2 ? files[1].text[0] : files[1].text[1], 0);
	look_again();
	look_up("gai", "okzok2zok3_nodata.m.example", answer);
	return strcmp(answer, expected[0].answers[server - 54]) == 0;
}

static void reloads(int count)
{
	enum { WARM = 200 };
	int unseen = 0;
	for (int i = 0; i < WARM; i++)
		unseen += !reload(i);
	long rss = resident();
	size_t used = mallinfo2().uordblks;
	for (int i = 0; i < count; i++)
		unseen += !reload(i);
	long grown = (long)(mallinfo2().uordblks - used), grown_rss = resident() - rss;
	row(unseen > 0, "changes of the configuration that take effect at the next check", count + WARM, "%d do not", unseen);
	row(grown > 4096 || grown_rss > 2048, "memory after changes of the configuration and resolv.conf", count,
	    "malloc in use %+ld bytes, resident %+ld KB", grown, grown_rss);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "rewriting", rewriting }, { "rewriting-kept", rewriting_kept }, { "few", few }, { "reloads", reloads },
		{ "first", first }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
