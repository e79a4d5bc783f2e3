/* A name server that sends answers to other questions as fast as possible, more than a client can read.
   Usage: flooding_server ADDRESS SECONDS. Prints "ready" when it listens on UDP and TCP. */

#include "results.h"

#include <netinet/udp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 14, ANSWERS = 64, CHUNK = 1 << 16 };

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Fills a buffer with headers with other IDs, which are preceded by their lengths on TCP. */
static size_t fill(unsigned char *bytes, size_t room, const unsigned char *question, int framed)
{
	size_t length = 0;
	while (length + ANSWER <= room) {
		unsigned char *answer = bytes + length;
		if (framed) {
			answer[0] = 0;
			answer[1] = ANSWER - 2;
			answer += 2;
		}
		memset(answer, 0, ANSWER - 2);
		answer[0] = question[0] ^ 0x55;
		answer[1] = question[1];
		answer[2] = 0x81;
		answer[3] = 0x83;
		length += framed ? ANSWER : ANSWER - 2;
	}
	return length;
}

static void flood_datagrams(int server, double seconds)
{
	static unsigned char bytes[ANSWERS * ANSWER];
	unsigned char question[512];
	struct sockaddr_in peer;
	socklen_t size = sizeof peer;
	/* The kernel splits the data of one call into many datagrams. */
	int segment = ANSWER - 2;
	if (recvfrom(server, question, sizeof question, 0, (struct sockaddr *)&peer, &size) < 2)
		return;
	size_t length = fill(bytes, sizeof bytes, question, 0) / (size_t)segment * (size_t)segment;
	if (length > (size_t)segment * ANSWERS)
		length = (size_t)segment * ANSWERS;
	setsockopt(server, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
	for (double end = now() + seconds; now() < end;)
		if (sendto(server, bytes, length, 0, (struct sockaddr *)&peer, size) < 0 && errno == ECONNREFUSED)
			return;
}

static void flood_stream(int server, double seconds)
{
	static unsigned char bytes[CHUNK];
	unsigned char question[512];
	int client = accept(server, NULL, NULL);
	if (read(client, question, sizeof question) < 4)
		return;
	size_t length = fill(bytes, sizeof bytes / ANSWER * ANSWER, question + 2, 1);
	for (double end = now() + seconds; now() < end;)
		if (send(client, bytes, length, MSG_NOSIGNAL) < 0)
			return;
}

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
	inet_pton(AF_INET, words[1], &address.sin_addr);
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(udp, (struct sockaddr *)&address, sizeof address) != 0 ||
	    bind(tcp, (struct sockaddr *)&address, sizeof address) != 0 || listen(tcp, 8) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			flood_datagrams(udp, atof(words[2]));
	}
	for (;;)
		flood_stream(tcp, atof(words[2]));
}
