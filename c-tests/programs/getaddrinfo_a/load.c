/* Many requests, calls, callers and threads: load SCENARIO */

#include "notices.h"

#include <dirent.h>

static int threads(void)
{
	int number = 0;
	DIR *directory = opendir("/proc/self/task");
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		number += entry->d_name[0] != '.';
	closedir(directory);
	return number;
}

/* Prints the blocked signals of all threads except this one. */
static void print_masks(void)
{
	DIR *directory = opendir("/proc/self/task");
	char path[300], line[256], first[256] = "";
	int differing = 0;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == gettid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		FILE *file = fopen(path, "r");
		while (file != NULL && fgets(line, sizeof line, file) != NULL)
			if (strncmp(line, "SigBlk", 6) == 0) {
				if (first[0] == '\0')
					strcpy(first, line);
				differing += strcmp(first, line) != 0;
			}
		if (file != NULL)
			fclose(file);
	}
	closedir(directory);
	printf("%d threads have other masks than %s", differing, first);
}

static void many(void)
{
	static const char *const behaviours[] = { "ok_ok", "nx_nx", "ok3_ok3", "cname_cname", "slow1_ok" };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	block_signals();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++)
			add(behaviours[i % 5]);
		show("200", getaddrinfo_a(round == 0 ? GAI_WAIT : GAI_NOWAIT, list, count, &event));
		if (round == 1)
			wait_for_signal(SIGRTMIN, 20000);
		print_summary();
		print_all();
		free_all();
	}
}

/* 200 signals with the same number and different values, in any order. */
static void many_calls(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	char seen[200] = { 0 };
	int number = 0;
	sigset_t set;
	block_signals();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	add_many(200, "ok_ok");
	for (int i = 0; i < count; i++) {
		event.sigev_value.sival_int = i;
		if (getaddrinfo_a(GAI_NOWAIT, list + i, 1, &event) != 0)
			puts("FAILED");
	}
	for (siginfo_t info; number < count && sigtimedwait(&set, &info, milliseconds(20000)) >= 0; number++)
		if (seen[info.si_value.sival_int]++ != 0 || gai_error(list[info.si_value.sival_int]) != 0)
			puts("TWICE OR TOO EARLY");
	printf("%d signals\n", number);
	wait_for_signal(SIGRTMIN, 200);
	free_all();
}

static void concurrency(void)
{
	double start = now();
	add_many(40, "slow10_slow10");
	show("40 slow requests", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	sleep_ms(300);
	printf("%d threads\n", threads());
	print_masks();
	wait_for_all();
	printf("after %.0f seconds\n", now() - start);
	print_summary();
	free_all();
	sleep_ms(1600);
	printf("a while later: %d threads\n", threads());
	add_many(2, "ok_ok");
	show("again", getaddrinfo_a(GAI_WAIT, list, count, NULL));
	print_all();
	free_all();
}

static int suspends;

static void *submit_some(void *argument)
{
	struct gaicb own[20], *own_list[20];
	int good = 0;
	for (int i = 0; i < 20; i++) {
		own[i] = (struct gaicb){ .ar_name = i % 2 == 0 ? "ok_ok.t.example" : "ok_ok.half.example" };
		own_list[i] = &own[i];
	}
	for (int round = 0; round < 5; round++) {
		if (getaddrinfo_a(suspends ? GAI_NOWAIT : GAI_WAIT, own_list, 20, NULL) != 0)
			puts("FAILED");
		while (suspends && gai_suspend((const struct gaicb *const *)own_list, 20, NULL) != EAI_ALLDONE)
			continue;
		for (int i = 0; i < 20; i++)
			if (gai_error(&own[i]) == 0)
				freeaddrinfo(own[i].ar_result), good++;
	}
	*(int *)argument = good;
	return NULL;
}

static void callers(void)
{
	pthread_t thread[8];
	int good[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, submit_some, &good[i]);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL), printf("caller %d: %d\n", i, good[i]);
}

/* glibc's lists are corrupt after this: see wait_for_all. */
static void beyond_callers(void)
{
	suspends = 1;
	callers();
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "many", many }, { "many-calls", many_calls }, { "concurrency", concurrency },
		{ "callers", callers }, { "beyond-callers", beyond_callers }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
