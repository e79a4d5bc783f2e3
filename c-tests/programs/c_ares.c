/* A lookup with c-ares, which queries the name servers of resolv.conf itself. Usage: c_ares [NAME]

   Prints the first IPv4 address, or the error message of c-ares. Without a name, waits until it is terminated, with
   c-ares loaded. */

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 16 };

static struct pollfd sockets[MOST];
static int done;

/* Called by c-ares with the state of its sockets. poll ignores entries whose descriptor is -1. */
static void watch(void *data, ares_socket_t socket, int readable, int writable)
{
	int at = 0;
	(void)data;
	while (at < MOST && sockets[at].fd != socket)
		at++;
	if (at == MOST)
		for (at = 0; at < MOST - 1 && sockets[at].fd != -1;)
			at++;
	sockets[at].fd = readable || writable ? socket : -1;
	sockets[at].events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
}

static void print(void *data, int status, int timeouts, struct ares_addrinfo *result)
{
	char text[INET_ADDRSTRLEN];
	(void)data;
	(void)timeouts;
	done = 1;
	if (status != ARES_SUCCESS) {
		puts(ares_strerror(status));
		return;
	}
	puts(inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)result->nodes->ai_addr)->sin_addr, text, sizeof text));
	ares_freeaddrinfo(result);
}

static void look_up(ares_channel channel, const char *name)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	ares_getaddrinfo(channel, name, NULL, &hints, print, NULL);
	while (!done) {
		struct timeval most = { 1, 0 }, left;
		struct timeval *wait = ares_timeout(channel, &most, &left);
		struct pollfd ready[MOST];
		poll(sockets, MOST, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000) + 1);
		/* The following calls change the sockets. */
		for (int at = 0; at < MOST; at++)
			ready[at] = sockets[at];
		ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
		for (int at = 0; at < MOST; at++)
			if (ready[at].fd != -1 && ready[at].revents != 0)
				ares_process_fd(channel, ready[at].fd, ready[at].fd);
	}
}

int main(int count, char **words)
{
	struct ares_options options = { .sock_state_cb = watch };
	ares_channel channel;
	for (int at = 0; at < MOST; at++)
		sockets[at].fd = -1;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    ares_init_options(&channel, &options, ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS)
		return 2;
	if (count > 1)
		look_up(channel, words[1]);
	else
		pause();
	ares_destroy(channel);
	ares_library_cleanup();
	return 0;
}
