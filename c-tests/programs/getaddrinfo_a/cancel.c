/* Requests that are cancelled with gai_cancel, and threads that are cancelled while they wait: cancel SCENARIO */

#include "notices.h"

static void cancelling(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	block_signals();
	add_many(THREADS + 5, "slow5_slow5");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, &event));
	for (int i = 0; i < count; i++)
		printf("%d: %s, ", i, code_name(gai_cancel(list[i])));
	for (int i = THREADS - 1; i < count; i++)
		printf("%d: %s, ", i, code_name(gai_cancel(list[i])));
	putchar('\n');
	print_summary();
	show("gai_suspend of those taken back", gai_suspend(watched + THREADS, 5, NULL));
	/* There is never a notification for the others. */
	wait_for_signal(SIGRTMIN, 1500);
	print_summary();
	show("gai_cancel of one that is done", gai_cancel(list[0]));
	/* Cancelled requests can be submitted again. */
	show("again", getaddrinfo_a(GAI_NOWAIT, list + THREADS, 5, &event));
	wait_for_signal(SIGRTMIN, 5000);
	print_all();
	free_all();
}

/* ---- Threads that are cancelled ---- */

static volatile int how, waited_code;

static void *wait_to_be_cancelled(void *argument)
{
	pthread_setcanceltype((how & 1) != 0 ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, NULL);
	if ((how & 2) != 0)
		waited_code = getaddrinfo_a(GAI_WAIT, list, count, NULL);
	else
		waited_code = gai_suspend(watched, count, NULL);
	pthread_testcancel();
	return argument;
}

static void cancel_threads(const int *hows, int number)
{
	for (int i = 0; i < number; i++) {
		pthread_t thread;
		void *result = NULL;
		double start = now();
		how = hows[i];
		waited_code = 4242;
		/* See wait_for_all for why there is only one for gai_suspend. */
		add_many((how & 2) == 0 ? 1 : 3, "slow7_slow7");
		if ((how & 2) == 0)
			show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
		pthread_create(&thread, NULL, wait_to_be_cancelled, NULL);
		sleep_ms(200);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		printf("%d: %s after %.1f s, code %d\n", how, result != NULL ? "cancelled" : "gone",
		       since(start), waited_code);
		sleep_ms(500);
		print_summary();
		free_all();
	}
}

static void cancelled(void)
{
	cancel_threads((const int[]){ 0, 2 }, 2);
}

/* Asynchronously. The lock of glibc remains held, so that nothing may follow. */
static void cancelled_waiting(void)
{
	cancel_threads((const int[]){ 3 }, 1);
}

static void cancelled_suspended(void)
{
	cancel_threads((const int[]){ 1 }, 1);
}

static void beyond_cancelled(void)
{
	cancel_threads((const int[]){ 3, 1, 2, 0, 1, 3 }, 6);
}

/* ---- Requests that are cancelled while a thread waits for them ---- */

static void *wait_for_last(void *argument)
{
	waited_code = gai_suspend(watched + count - 1, 1, NULL);
	return argument;
}

static void *wait_in_call(void *argument)
{
	waited_code = getaddrinfo_a(GAI_WAIT, list, count, NULL);
	return argument;
}

/* A thread that waits for a cancelled request continues. */
static void beyond_cancel(void)
{
	pthread_t thread;
	add_many(THREADS + 1, "slow10_slow10");
	show("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, count, NULL));
	pthread_create(&thread, NULL, wait_for_last, NULL);
	sleep_ms(200);
	show("gai_cancel", gai_cancel(list[count - 1]));
	pthread_join(thread, NULL);
	show("gai_suspend", waited_code);
	count--;
	wait_for_all();
	free_all();
	sleep_ms(1500);
	add_many(THREADS + 1, "slow10_slow10");
	pthread_create(&thread, NULL, wait_in_call, NULL);
	sleep_ms(200);
	show("gai_cancel", gai_cancel(list[count - 1]));
	pthread_join(thread, NULL);
	show("getaddrinfo_a", waited_code);
	print_summary();
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "cancelling", cancelling }, { "cancelled", cancelled }, { "cancelled-waiting", cancelled_waiting },
		{ "cancelled-suspended", cancelled_suspended }, { "beyond-cancelled", beyond_cancelled },
		{ "beyond-cancel", beyond_cancel }, { NULL, NULL },
	};
	return run_scenario(argc, argv, scenarios);
}
