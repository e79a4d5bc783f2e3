/* Common code of cancel.c and longjmp.c: lookups that take long enough to be left before their end, and checks that
   lookups work afterwards: the process is alive, matched names are still answered by the library according to the
   current rules, and no more is leaked than with bare glibc, whose numbers are printed by the same programs. */

#define WITH_CLOCK
#include "scenarios.h"
#include "old_glibc.h"

static const struct {
	const char *label, *name, *kind;
} slow_ones[] = {
	{ "a matched getaddrinfo", "drop_drop.short.example", "gai" },
	{ "a matched getaddrinfo over TCP", "tchang_tchang.short.example", "gai" },
	{ "a passed getaddrinfo", "drop_drop.t.example", "gai" },
	{ "a passed getaddrinfo over TCP", "tchang_tchang.t.example", "gai" },
	{ "a matched gethostbyname", "drop_drop.short.example", "ghbn" },
};
/* With bare glibc, the last one hangs, since gethostbyname holds a lock. */
enum { MATCHED = 0, PASSED = 2, STATIC = 4, END = 5 };

/* Whether this thread, or another one, sees a change of the configuration immediately. */
static const char *wanted;

static inline void *sees_change(void *seen)
{
	char answer[ANSWER];
	look_up("gai", "okzok2zok3_nodata.m.example", answer);
	*(int *)seen = strcmp(answer, wanted) == 0;
	return NULL;
}

static inline int follows_changes(int server)
{
	char rules[256];
	int here, there;
	wanted = server == 54 ? "192.0.2.1 192.0.2.2" : "192.0.2.1 192.0.2.2 192.0.2.3";
	sprintf(rules,
		"bypass *.m.example 192.0.2.0/24 via 127.0.0.%d timeout 5 attempts 3\n"
		"bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n", server);
	put("/etc/nss-bypass.conf", rules, 0);
	look_again();
	sees_change(&here);
	pthread_join(start(sees_change, &there), NULL);
	return here && there;
}

/* Checks whether lookups work normally. */
static inline const char *aftermath(void)
{
	int right = bare || (follows_changes(55) && follows_changes(54) && follows_changes(55) && follows_changes(54));
	right &= wrong_answers(1) == 0;
	failures += !right && !bare;
	return right ? "afterwards all is well" : "AFTERWARDS LOOKUPS ARE WRONG";
}
