/* File descriptors: lookups leave none open, use no others, and work with few: descriptors SCENARIO COUNT [bare] */

#include "scenarios.h"
#include "old_glibc.h"

#include <sys/socket.h>

static const char *const outcomes[] = {
	"okzok2_okzok2.m.example", "filed.m.example", "nx_nx.m.example", "nodata_nodata.m.example",
	"servfail_servfail.m.example", "refused_refused.m.example", "drop_drop.short.example", "ok_drop.short.example",
	"ok_ok.nobody.example", "tc40_tc40.m.example", "tctc_tctc.m.example", "tcnx_tcnx.m.example",
	"tcfail_tcfail.m.example", "tchalf_tchalf.m.example", "tcshort_tcshort.m.example", "tchang_tchang.short.example",
	"tcstall_tcstall.short.example", "tcpieces_tcpieces.m.example", "wrongid_wrongid.m.example", "garbage_garbage.m.example",
	"slow3_slow3.m.example", "cut_cut.m.example", "10.1.2.3", "okzok2_okzok2.t.example",
};
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

static void none_left(int unused)
{
	(void)unused;
	static unsigned char before[DESCRIPTORS], after[DESCRIPTORS];
	int changed = 0;
	char answer[ANSWER];
	open_descriptors(before);
	for (int i = 0; i < OUTCOMES; i++)
		for (int way = 0; way < 2; way++) {
			look_up(way ? "ghbn" : "gai", outcomes[i], answer);
			/* glibc also closes the socket of a passed lookup at its end. */
			open_descriptors(after);
			if (memcmp(before, after, sizeof before) != 0) {
				printf("  WRONG %s: %s\n", outcomes[i], answer);
				changed++;
			}
		}
	row(changed, "descriptors after lookups with all results", 2 * OUTCOMES, "%d times not the same as before", changed);
}

/* A program that closes all unknown descriptors, and then uses their numbers itself. */
static void closed_between(int count)
{
	int wrong = 0, taken[16];
	char text[8];
	for (int i = 0; i < count; i++) {
		wrong += wrong_answers(1);
		closefrom(3);
		wrong += wrong_answers(1);
		int ends[2];
		if (pipe(ends) != 0)
			abort();
		for (int j = 0; j < 16; j++)
			taken[j] = dup(ends[0]);
		wrong += wrong_answers(1);
		/* They still refer to the pipe. */
		for (int j = 0; j < 16; j++)
			wrong += write(ends[1], "x", 1) != 1 || read(taken[j], text, sizeof text) != 1;
		closefrom(3);
	}
	row(wrong, "closefrom(3), and reuse of the numbers, between lookups", count, "%d wrong", wrong);
}

/* Prints the results of lookups with this number of free descriptors, for comparison with bare glibc. */
static void with_left(int from, int to)
{
	struct rlimit limit, low;
	int taken[64], count = 0, wrong, begin = from;
	char answer[ANSWER], list[8 * ANSWER] = "";
	static const char *const names[] = { "okzok2_okzok2.m.example", "filed.m.example", "tc40_tc40.m.example" };
	look_up("gai", names[0], answer);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = 32;
	setrlimit(RLIMIT_NOFILE, &low);
	while ((taken[count] = open("/dev/null", O_RDONLY)) >= 0)
		count++;
	while (count > 0 && from-- > 0)
		close(taken[--count]);
	for (int left = begin; left <= to; left++) {
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			for (int way = 0; way < 2; way++) {
				static const char *const kinds[] = { "gai", "ghbn_r" };
				errno = 0;
				look_up(kinds[way], names[i], answer);
				strcat(strcat(list, i + (size_t)way > 0 ? ", " : ""), answer);
			}
		char condition[64];
		snprintf(condition, sizeof condition, "RLIMIT_NOFILE with %d free descriptors", left);
		row(0, condition, 6, "%s", list);
		strcpy(list, "");
		close(taken[--count]);
	}
	while (count > 0)
		close(taken[--count]);
	wrong = wrong_answers(1);
	row(wrong, "lookups after descriptors have become available again", KINDS, "%d wrong", wrong);
}

static void few(int unused)
{
	(void)unused;
	with_left(2, 6);
}

static void one_or_none(int unused)
{
	(void)unused;
	with_left(0, 1);
}

static void thousands(int count)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max = (rlim_t)count + 100;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		abort();
	for (int i = 0; i < count; i++)
		if (open("/dev/null", O_RDONLY) < 0)
			abort();
	int wrong = wrong_answers(1);
	row(wrong, "lookups with thousands of descriptors open", count, "%d wrong", wrong);
}

/* ---- 0, 1 and 2 closed ---- */

static volatile int stop;

static void *look_up_all(void *wrong)
{
	while (!stop)
		*(int *)wrong += wrong_answers(0);
	return NULL;
}

static void closed_standard(int milliseconds)
{
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	int wrong[THREADS] = { 0 }, all = 0, open = 0;
	int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);
	close(0), close(1), close(2);
	for (int i = 0; i < 3; i++) {
		all += wrong_answers(1);
		for (int j = 0; j < 3; j++)
			open += fcntl(j, F_GETFD) >= 0;
	}
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(look_up_all, &wrong[i]);
	pause_for(milliseconds / 1000.0);
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		all += wrong[i];
	}
	for (int j = 0; j < 3; j++)
		open += fcntl(j, F_GETFD) >= 0;
	dup2(output, STDOUT_FILENO);
	close(output);
	row(all || open, "lookups of 8 threads with 0, 1 and 2 closed", 1, "%d wrong, %d of the three open afterwards", all, open);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "none-left", none_left }, { "closed-between", closed_between }, { "few", few },
		{ "one-or-none", one_or_none }, { "thousands", thousands }, { "closed-standard", closed_standard }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
