/* Starts a program repeatedly: spawn [--told] PROGRAM [ARGUMENT]...

   Prints "ready"; then, for each line "COUNT BATCH" of its input, starts the program COUNT times and prints the time
   until it has ended in nanoseconds or, with --told, the number that the program prints. BENCH_PRELOAD is the value of
   LD_PRELOAD for the program; this process has none. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

/* Returns the environment with LD_PRELOAD. */
static char **prepared(const char *preload)
{
	size_t used = 0;
	while (environ[used] != NULL)
		used++;
	char **variables = calloc(used + 2, sizeof *variables);
	if (variables == NULL)
		abort();
	memcpy(variables, environ, used * sizeof *variables);
	if (preload != NULL && asprintf(&variables[used], "LD_PRELOAD=%s", preload) < 0)
		abort();
	return variables;
}

static long start(char **words, char **variables, int told)
{
	posix_spawn_file_actions_t actions;
	int ends[2] = { -1, -1 }, status;
	char text[32] = "";
	pid_t child;
	posix_spawn_file_actions_init(&actions);
	if (told && pipe2(ends, O_CLOEXEC) != 0)
		abort();
	if (told)
		posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	else
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	long begin = now();
	if (posix_spawn(&child, words[0], &actions, NULL, words, variables) != 0 || waitpid(child, &status, 0) != child) {
		perror(words[0]);
		exit(1);
	}
	long took = now() - begin;
	if (status != 0) {
		fprintf(stderr, "spawn: %s: status %#x\n", words[0], (unsigned)status);
		exit(1);
	}
	if (told) {
		if (read(ends[0], text, sizeof text - 1) <= 0)
			abort();
		took = atol(text);
		close(ends[0]);
		close(ends[1]);
	}
	posix_spawn_file_actions_destroy(&actions);
	return took;
}

int main(int count, char **words)
{
	int told = count > 1 && strcmp(words[1], "--told") == 0, times, batch;
	char **variables = prepared(getenv("BENCH_PRELOAD"));
	if (count < 2 + told)
		return 2;
	start(words + 1 + told, variables, told);
	puts("ready");
	fflush(stdout);
	while (scanf("%d %d", &times, &batch) == 2) {
		for (int i = 0; i < times; i++)
			printf("%ld ", start(words + 1 + told, variables, told));
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
