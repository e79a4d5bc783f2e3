/* Children of a process with outstanding requests: fork SCENARIO */

#include "notices.h"

/* A child works normally, regardless of the requests of its parent. */
static void child(const char *what)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		static struct gaicb own[4], *own_list[4] = { &own[0], &own[1], NULL, &own[2] };
		struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified };
		alarm(10);
		show("the parent's, gai_suspend", gai_suspend(watched, count, NULL));
		show("the parent's, gai_cancel", gai_cancel(list[count - 1]));
		called = 0;
		own[0].ar_name = "ok_ok.t.example", own[1].ar_name = "nx_nx.half.example", own[2].ar_name = "192.0.2.1";
		show("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, own_list, 4, NULL));
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, own_list, 4, &event));
		wait_for_call(1);
		for (int i = 0; i < 3; i++)
			print_request(&own[i]);
		fflush(stdout);
		_exit(0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	printf("%s: the child's end: %d\n", what, status);
}

static volatile int stop;

static void *keep_busy(void *argument)
{
	struct gaicb own = { .ar_name = "ok_ok.t.example" }, *own_list = &own;
	while (!stop) {
		getaddrinfo_a(GAI_NOWAIT, &own_list, 1, NULL);
		gai_cancel(&own);
		while (gai_suspend((const struct gaicb *const *)&own_list, 1, NULL) != EAI_ALLDONE)
			continue;
		if (gai_error(&own) == 0)
			freeaddrinfo(own.ar_result);
	}
	return argument;
}

static void beyond_fork(void)
{
	add_many(30, "slow10_slow10");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	child("while requests wait");
	wait_for_all();
	print_summary();
	child("after them");
	free_all();
}

/* Children that are forked at any time, while other threads submit requests. */
static void beyond_forks(void)
{
	pthread_t thread[4];
	int bad = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, keep_busy, NULL);
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct gaicb own = { .ar_name = "ok_ok.t.example" }, *own_list = &own;
			alarm(10);
			_exit(getaddrinfo_a(GAI_WAIT, &own_list, 1, NULL) != 0 || gai_error(&own) != 0);
		}
		int status = 0;
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("%d of 200 children went wrong\n", bad);
}

static pid_t forked;

static void fork_here(int number)
{
	(void)number;
	forked = fork();
	if (forked == 0)
		alarm(10);
}

/* A handler forks while its thread waits. */
static void beyond_fork_in_a_handler(void)
{
	set_handler(SIGALRM, fork_here, 0);
	for (int round = 0; round < 2; round++) {
		add_many(2, "slow6_slow6");
		if (round == 0)
			getaddrinfo_a(GAI_NOWAIT, list, count, NULL);
		alarm_in(200);
		fflush(stdout);
		int code = round == 0 ? gai_suspend(watched, count, NULL) : getaddrinfo_a(GAI_WAIT, list, count, NULL);
		if (forked == 0)
			_exit(code == 0 || code == EAI_INTR ? 7 : 8);
		int status = 0;
		while (waitpid(forked, &status, 0) < 0)
			continue;
		printf("%s, the child's end: %d\n", code_name(code), WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		wait_for_all();
		print_summary();
		free_all();
	}
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "beyond-fork", beyond_fork }, { "beyond-forks", beyond_forks },
		{ "beyond-handler", beyond_fork_in_a_handler }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
