/* Lists that the caller waits for and lists that it does not, all kinds of arguments, and failure to create a thread:
   modes SCENARIO */

#include "notices.h"

#include <sys/resource.h>

static void fill(void)
{
	static struct addrinfo hints[8];
	static const char *const behaviours[] = { "ok_ok", "nx_nx", "nodata_ok", "servfail_servfail", "cname_cname", "tc_tc",
						  "ok3_ok3", "slow3_ok", "drop_drop", "drop_ok", "rev_rev", "ok_nx" };
	for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
		add(behaviours[i]), add(behaviours[i]);
	list[count++] = NULL;
	add("ok_ok")->ar_name = "192.0.2.1";
	add("ok_ok")->ar_name = "fe80::1%lo";
	add("ok_ok")->ar_name = "localhost";
	add("ok_ok")->ar_name = "v4only";
	add("ok_ok")->ar_name = "";
	add("ok_ok")->ar_name = NULL;
	struct gaicb *request = add("ok_ok");
	request->ar_name = NULL, request->ar_service = "80";
	request = add("ok_ok");
	request->ar_name = NULL, request->ar_service = "80", request->ar_request = &hints[0];
	hints[0].ai_flags = AI_PASSIVE, hints[0].ai_socktype = SOCK_DGRAM;
	list[count++] = NULL;
	hints[1].ai_flags = 0x40000000;
	hints[2].ai_family = 77;
	hints[3].ai_socktype = 77;
	hints[4].ai_flags = AI_CANONNAME, hints[4].ai_family = AF_INET;
	hints[5].ai_flags = AI_NUMERICHOST;
	hints[6].ai_flags = AI_V4MAPPED | AI_ALL, hints[6].ai_family = AF_INET6, hints[6].ai_socktype = SOCK_STREAM;
	for (int i = 1; i < 7; i++) {
		add("cname_ok")->ar_request = &hints[i];
		add("cname_ok")->ar_request = &hints[i];
	}
	add("ok_ok")->ar_service = "53";
	add("ok_ok")->ar_service = "no-such-service";
}

static void wait_mode(void)
{
	fill();
	show("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, list, count, NULL));
	print_all();
	show("gai_suspend", gai_suspend(watched, count, NULL));
	show("gai_cancel", gai_cancel(list[0]));
	free_all();
	/* The event is ignored in this mode. */
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	add_many(3, "ok_ok");
	show("with an event", getaddrinfo_a(GAI_WAIT, list, count, &event));
	print_all();
	free_all();
}

static void nowait_mode(void)
{
	fill();
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	wait_for_all();
	print_all();
	free_all();
	add("slow2_ok"), add("slow4_ok"), add("ok_slow6"), add("slow8_slow8");
	show("some", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	for (int i = 0; i < 5; i++)
		show("gai_suspend", gai_suspend(watched, count, NULL)), print_summary();
	print_all();
	free_all();
	/* A caller that only checks the status sees the result together with the code. */
	add_many(4, "slow2_ok");
	errno = UNTOUCHED_ERRNO;
	show("again", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	print_errno(errno);
	wait_for_all();
	print_all();
	free_all();
}

static void arguments(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	add_many(2, "ok_ok");
	for (int mode = -1; mode < 4; mode += mode == -1 ? 3 : 1) {
		errno = UNTOUCHED_ERRNO;
		show("another mode", getaddrinfo_a(mode, list, count, &event));
		print_errno(errno);
		putchar('\n');
		print_summary();
	}
	for (int mode = GAI_WAIT; mode <= GAI_NOWAIT; mode++) {
		struct gaicb *nothing[3] = { NULL };
		show("no requests", getaddrinfo_a(mode, list, 0, NULL));
		show("less than none", getaddrinfo_a(mode, list, -1, NULL));
		show("no entries", getaddrinfo_a(mode, nothing, 3, NULL));
	}
	show("gai_suspend of nothing", gai_suspend(watched, 0, NULL));
	show("gai_suspend of requests never made", gai_suspend(watched, 2, milliseconds(10)));
	show("gai_cancel of a request never made", gai_cancel(list[0]));
	show("gai_cancel of none", gai_cancel(NULL));
	requests[0].__return = EAI_INPROGRESS;
	show("gai_suspend of what only looks like one", gai_suspend(watched, 2, NULL));
	show("gai_cancel of what only looks like one", gai_cancel(list[0]));
	/* The same request again, and a list that is only partly new. */
	for (int i = 0; i < 3; i++) {
		show("once more", getaddrinfo_a(GAI_WAIT, list, count, NULL));
		print_all();
		freeaddrinfo(list[0]->ar_result), freeaddrinfo(list[1]->ar_result);
	}
}

static void no_threads(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct rlimit limit, before;
	block_signals();
	add_many(3, "ok_ok");
	printf("warm up: %s\n", code_name(getaddrinfo_a(GAI_WAIT, list, 0, NULL)));
	for (int mode = GAI_WAIT; mode <= GAI_NOWAIT; mode++) {
		getrlimit(RLIMIT_AS, &before);
		limit = before;
		limit.rlim_cur = 1;
		setrlimit(RLIMIT_AS, &limit);
		errno = UNTOUCHED_ERRNO;
		int code = getaddrinfo_a(mode, list, count, &event);
		int error = errno;
		setrlimit(RLIMIT_AS, &before);
		show("without memory", code);
		print_errno(error);
		putchar('\n');
		print_summary();
		wait_for_signal(SIGRTMIN, 200);
		show("gai_suspend", gai_suspend(watched, count, NULL));
		show("gai_cancel", gai_cancel(list[0]));
	}
	show("with memory", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	wait_for_signal(SIGRTMIN, 5000);
	print_all();
	free_all();
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "wait", wait_mode }, { "nowait", nowait_mode }, { "arguments", arguments },
		{ "no-threads", no_threads }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
