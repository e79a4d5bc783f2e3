/* Notifications by signals and threads of the completion of a list: notices SCENARIO */

#include "notices.h"

static void signals(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	block_signals();
	for (int i = 0; i < 3; i++) {
		event.sigev_value.sival_ptr = (void *)(0x1234567890 + i);
		event.sigev_signo = i == 2 ? SIGUSR1 : SIGRTMIN + i;
		int signo = event.sigev_signo;
		add("slow3_ok"), add("ok_ok"), add("nx_nx"), add("ok_slow2");
		list[count++] = NULL;
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count--, &event));
		/* The event has been copied. */
		memset(&event, FILLER, sizeof event);
		wait_for_signal(signo, 5000);
		wait_for_signal(signo, 200);
		print_all();
		free_all();
		memset(&event, 0, sizeof event);
		event.sigev_notify = SIGEV_SIGNAL;
	}
	static struct gaicb *nothing[2];
	event.sigev_signo = SIGRTMIN + 1;
	show("nothing to do", getaddrinfo_a(GAI_NOWAIT, nothing, 2, &event));
	wait_for_signal(SIGRTMIN + 1, 1000);
	event.sigev_signo = 1000;
	add_many(2, "ok_ok");
	show("no such signal", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	wait_for_all();
	print_all();
	free_all();
	event.sigev_signo = SIGRTMIN + 1;
	for (int kind = 3; kind < 7; kind++) {
		event.sigev_notify = kind == 3 ? SIGEV_NONE : kind;
		event._sigev_un._tid = gettid();
		add_many(2, "ok_ok");
		printf("kind %d, ", event.sigev_notify);
		show("without a notice", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
		wait_for_all();
		wait_for_signal(SIGRTMIN + 1, 200);
		free_all();
	}
}

/* The notification comes before gai_suspend returns. */
static void handlers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	set_handler(SIGUSR1, count_signal, 0);
	for (int i = 0; i < 5; i++) {
		handled = 0;
		add("slow2_ok");
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
		show("gai_suspend", gai_suspend(watched, count, NULL));
		printf("handled=%d\n", handled);
		print_all();
		free_all();
	}
	/* The signal of another list interrupts a wait. */
	for (int i = 0; i < 3; i++) {
		handled = 0;
		add("slow10_ok"), add("slow2_ok");
		show("one", getaddrinfo_a(GAI_NOWAIT, list, 1, NULL));
		show("another", getaddrinfo_a(GAI_NOWAIT, list + 1, 1, &event));
		show("gai_suspend", gai_suspend(watched, 1, NULL));
		printf("handled=%d\n", handled);
		show("gai_suspend", gai_suspend(watched, 1, NULL));
		print_all();
		free_all();
	}
}

/* A handler that submits the next request, while the program waits for the previous one. */
static volatile sig_atomic_t started;
static struct sigevent chain_event = { .sigev_notify = SIGEV_SIGNAL };

static void start_next(int number)
{
	(void)number;
	if (started < count) {
		struct gaicb **next = &list[started++];
		getaddrinfo_a(GAI_NOWAIT, next, 1, &chain_event);
	}
}

static void chain(void)
{
	sigset_t set, before;
	chain_event.sigev_signo = SIGUSR2;
	set_handler(SIGUSR2, start_next, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &before);
	add_many(10, "ok_ok");
	started = 1;
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, 1, &chain_event));
	while (started < count || gai_error(list[count - 1]) == EAI_INPROGRESS)
		sigsuspend(&before);
	print_all();
	free_all();
}

static void notice_threads(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified };
	pthread_attr_t attributes;
	first = pthread_self();
	for (int i = 0; i < 6; i++) {
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, 640 * 1024);
		pthread_attr_setdetachstate(&attributes, i < 4 ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
		event.sigev_notify_attributes = i < 2 ? NULL : &attributes;
		event.sigev_value.sival_ptr = (void *)(0x7777777770 + i);
		add("slow2_ok"), add("ok_ok"), add("nx_nx"), add("ok_ok");
		pthread_mutex_lock(&mutex);
		show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, i < 5 ? count : 0, &event));
		pthread_mutex_unlock(&mutex);
		wait_for_call(i + 1);
		if (i >= 4)
			printf("joined: %d\n", pthread_join(caller, NULL));
		pthread_attr_destroy(&attributes);
		if (i < 5)
			print_all(), free_all();
		count = 0;
	}
	sleep_ms(100);
	printf("called %d times\n", called);
}

static void beyond_no_function(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD };
	add_many(2, "ok_ok");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	wait_for_all();
	print_all();
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "signals", signals }, { "handlers", handlers }, { "chain", chain }, { "threads", notice_threads },
		{ "beyond-function", beyond_no_function }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
