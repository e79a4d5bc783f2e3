/* Waiting with gai_suspend: suspend SCENARIO */

#include "notices.h"

static void timeouts(void)
{
	double start = now();
	add("slow12_slow12"), add("slow20_slow20"), add("ok_ok"), add("ok_ok");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, 4, NULL));
	while (gai_error(list[2]) == EAI_INPROGRESS || gai_error(list[3]) == EAI_INPROGRESS)
		sleep_ms(1);
	errno = UNTOUCHED_ERRNO;
	show("no time", gai_suspend(watched, count, milliseconds(0)));
	show("0.3 s", gai_suspend(watched, count, milliseconds(300)));
/* Before 2.34, glibc aborts the program. */
#if __GLIBC_PREREQ(2, 34)
	show("less than no time", gai_suspend(watched, 2, &(struct timespec){ -5, 0 }));
	show("long ago", gai_suspend(watched, 2, &(struct timespec){ LONG_MIN / 2, 0 }));
	show("more than time", gai_suspend(watched, 2, &(struct timespec){ LONG_MAX, 0 }));
#endif
	print_errno(errno);
	printf(" after %.1f s\n", since(start));
	show("only what is done", gai_suspend(watched + 2, 2, NULL));
	/* Completed requests are ignored. */
	show("the first of the rest", gai_suspend(watched, count, milliseconds(5000)));
	printf("after %.0f s: %s, %s\n", now() - start, code_name(gai_error(list[0])), code_name(gai_error(list[1])));
	show("again", gai_suspend(watched, count, NULL));
	show("and again", gai_suspend(watched, count, NULL));
	printf("after %.0f s\n", now() - start);
	print_all();
	free_all();
}

static void interrupted(void)
{
	set_handler(SIGALRM, count_signal, 0);
	add("slow10_slow10");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	alarm_in(200);
	show("interrupted", gai_suspend(watched, count, NULL));
	alarm_in(200);
	show("interrupted, with a time", gai_suspend(watched, count, milliseconds(5000)));
	set_handler(SIGALRM, count_signal, SA_RESTART);
	alarm_in(100);
	show("restarted, with a time", gai_suspend(watched, count, milliseconds(5000)));
	alarm_in(100);
	show("restarted", gai_suspend(watched, count, NULL));
	printf("handled=%d\n", handled);
	print_all();
	free_all();
	set_handler(SIGALRM, count_signal, 0);
	add_many(3, "slow5_ok");
	alarm_in(200);
	show("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, list, count, NULL));
	printf("handled=%d\n", handled);
	print_all();
	free_all();
}

/* Matched and other requests in one list of gai_suspend: the halves of the list are submitted in separate calls. */
static void two_sides(void)
{
	struct gaicb *sides[2][1];
	double start = now();
	add("slow15_slow15"), add("slow15_slow15"), add("slow3_slow3"), add("slow7_slow7");
	for (int i = 0; i < 4; i++) {
		sides[i % 2][0] = list[i];
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, sides[i % 2], 1, NULL));
	}
	show("no time", gai_suspend(watched, count, milliseconds(0)));
	show("0.1 s", gai_suspend(watched, count, milliseconds(100)));
	set_handler(SIGALRM, count_signal, 0);
	/* Repeatedly, since a single signal may come between two checks. */
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 50000 } }, NULL);
	show("interrupted", gai_suspend(watched, count, milliseconds(5000)));
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	for (int i = 0; i < 2; i++) {
		show("the next", gai_suspend(watched, count, i == 0 ? NULL : milliseconds(5000)));
		for (int j = 0; j < count; j++)
			printf("  %s", code_name(gai_error(list[j])));
		printf(" after %.1f s\n", since(start));
	}
	wait_for_all();
	printf("all after %.1f s\n", since(start));
	show("again", gai_suspend(watched, count, NULL));
	print_all();
	free_all();
}

static void beyond_times(void)
{
	add("slow5_ok");
	getaddrinfo_a(GAI_NOWAIT, list, count, NULL);
	show("a second of four thousand million nanoseconds", gai_suspend(watched, 1, &(struct timespec){ 0, 4000000000 }));
	show("less than no nanoseconds", gai_suspend(watched, 1, &(struct timespec){ 0, -2000000000 }));
	wait_for_all();
	free_all();
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "timeouts", timeouts }, { "interrupted", interrupted }, { "two-sides", two_sides },
		{ "beyond-times", beyond_times }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
