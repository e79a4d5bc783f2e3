/* Lookups with deliberate panics in the library (src/core/sys/fault.rs). Usage: panics first|later LOOKUP...

   The panic occurs at the first fault point that a lookup passes, then at the second one, until a lookup passes fewer.
   "first": each lookup is the first one of its process; "later": all lookups are in one process. The result must be
   that of libc, and the result of the next lookup, without a panic, that of the library. With "first", the rules in the
   file PANICS_RULES are then removed, which must also be detected. Prints the number of points that each lookup passes,
   and errors in capitals. */

#include "lookup_line.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 5 };

/* The library checks its rules once a second, which would take too long. */
static time_t ahead;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = (int)syscall(SYS_clock_gettime, clock, time);
	if (result == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
		time->tv_sec += ahead;
	return result;
}

static char countdown[] = "NSS_BYPASS_FAULT=00000000";
static char *const digits = countdown + sizeof "NSS_BYPASS_FAULT=" - 1;

static struct lookup lookup;
static char libcs[TEXT], ours[TEXT];

static void arm(int n)
{
	char text[12];
	snprintf(text, sizeof text, "%08d", n);
	memcpy(digits, text, 8);
}

/* Determines the result in a child, with the library or, with rules disabled, with libc alone. */
static void learn(int disabled, char *text)
{
	int channel[2];
	if (pipe(channel) != 0)
		exit(1);
	fflush(stdout);
	if (fork() == 0) {
		if (disabled)
			setenv("NSS_BYPASS_DISABLE", "1", 1);
		dup2(channel[1], STDOUT_FILENO);
		char line[1024];
		snprintf(line, sizeof line, "%s %s %s", lookup.kind, lookup.name, lookup.service);
		execl("/proc/self/exe", "panics", "once", line, NULL);
		_exit(1);
	}
	close(channel[1]);
	ssize_t length = read(channel[0], text, TEXT - 1);
	text[length > 0 ? length : 0] = '\0';
	close(channel[0]);
	wait(NULL);
}

/* Returns whether the lookup reached the N-th point. */
static int panics(int n)
{
	alarm(PATIENCE);
	arm(n);
	look(&lookup);
	int reached = strncmp(digits, "00000000", 8) == 0;
	arm(0);
	const char *expected = reached ? libcs : ours;
	if (strcmp(lookup.text, expected) != 0)
		printf("POINT %d OF %s %s: %s INSTEAD OF %s\n", n, lookup.kind, lookup.name, lookup.text, expected);
	look(&lookup);
	if (strcmp(lookup.text, ours) != 0)
		printf("AFTER POINT %d OF %s %s: %s INSTEAD OF %s\n", n, lookup.kind, lookup.name, lookup.text, ours);
	return reached;
}

static void rules(const char *text)
{
	FILE *file = fopen(getenv("PANICS_RULES"), "w");
	fputs(text, file);
	fclose(file);
	ahead += 2;
}

static void take_rules_away(int n)
{
	rules("# none\n");
	look(&lookup);
	if (strcmp(lookup.text, libcs) != 0)
		printf("WITHOUT RULES, AFTER POINT %d OF %s %s: %s INSTEAD OF %s\n", n, lookup.kind, lookup.name, lookup.text, libcs);
	rules("bypass * 0.0.0.0/0 ::/0\n");
}

static int in_a_child(int n)
{
	int status = 0;
	fflush(stdout);
	if (fork() == 0) {
		int reached = panics(n);
		take_rules_away(n);
		fflush(stdout);
		_exit(reached ? 0 : 17);
	}
	wait(&status);
	if (WIFSIGNALED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 17))
		printf("POINT %d OF %s %s: DIED, STATUS %#x\n", n, lookup.kind, lookup.name, (unsigned)status);
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
}

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	if (strcmp(words[1], "once") == 0) {
		if (parse_lookup(&lookup, words[2]))
			fputs(look(&lookup), stdout);
		return 0;
	}
	putenv(countdown);
	int first = strcmp(words[1], "first") == 0;
	for (int i = 2; i < count; i++) {
		if (!parse_lookup(&lookup, words[i]))
			continue;
		learn(1, libcs);
		learn(0, ours);
		if (strcmp(libcs, ours) == 0)
			printf("NO DIFFERENCE TO SEE: %s\n", words[i]);
		if (!first)
			look(&lookup);
		int n = 1;
		while (n < 100000 && (first ? in_a_child(n) : panics(n)))
			n++;
		printf("%s %s: %d\n", lookup.kind, lookup.name, n - 1);
	}
	return 0;
}
