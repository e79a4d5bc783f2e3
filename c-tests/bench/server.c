/* A name server with minimal overhead: server ADDRESS

   It uses UDP and TCP on port 53. The first label of the name specifies the answer: "a3-1.any.thing" has three A
   records and one AAAA record. Other names do not exist. An answer of more than 512 bytes is only sent over TCP. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 53, HEADER = 12, UDP_LIMIT = 512, TCP_LIMIT = 65535, A = 1, AAAA = 28, TTL = 3600, CONNECTIONS = 64 };
/* The server polls for this time after a query, since a processor in a sleep state responds with a long and variable
   delay. */
enum { AWAKE_NANOSECONDS = 300000 };

struct answer {
	unsigned char bytes[TCP_LIMIT];
	size_t length;
};

static void put(struct answer *answer, const void *bytes, size_t length)
{
	memcpy(answer->bytes + answer->length, bytes, length);
	answer->length += length;
}

static void put16(struct answer *answer, unsigned value)
{
	unsigned char bytes[2] = { (unsigned char)(value >> 8), (unsigned char)value };
	put(answer, bytes, sizeof bytes);
}

static void set16(struct answer *answer, size_t at, unsigned value)
{
	answer->bytes[at] = (unsigned char)(value >> 8);
	answer->bytes[at + 1] = (unsigned char)value;
}

static void put_record(struct answer *answer, unsigned type, unsigned number)
{
	unsigned char six[16] = { 0x20, 0x01, 0x0d, 0xb8 }, four[4] = { 10, 9 };
	put16(answer, 0xc000 | HEADER); /* the name of the question */
	put16(answer, type);
	put16(answer, 1);
	put16(answer, 0);
	put16(answer, TTL);
	put16(answer, type == A ? sizeof four : sizeof six);
	four[2] = six[14] = (unsigned char)(number >> 8);
	four[3] = six[15] = (unsigned char)number;
	put(answer, type == A ? four : six, type == A ? sizeof four : sizeof six);
}

/* The number of records of this type that the name has, or -1 if it does not exist. */
static int records_of(const unsigned char *name, unsigned type)
{
	char label[64] = "";
	int four, six;
	memcpy(label, name + 1, name[0] < sizeof label ? name[0] : 0);
	if (sscanf(label, "a%d-%d", &four, &six) != 2)
		return -1;
	return type == A ? four : type == AAAA ? six : 0;
}

/* Returns whether there is an answer, which is empty for messages that are not questions. */
static int make_answer(const unsigned char *query, size_t length, size_t limit, struct answer *answer)
{
	size_t end = HEADER;
	while (end < length && query[end] != 0)
		end += query[end] + 1u;
	if (end + 5 > length)
		return 0;
	unsigned type = (unsigned)query[end + 1] << 8 | query[end + 2];
	int records = records_of(query + HEADER, type);
	size_t size = type == A ? 16 : 28;
	int fits = end + 5 + size * (records > 0 ? (size_t)records : 0) <= limit;
	answer->length = 0;
	put(answer, query, 2);
	put16(answer, 0x8580u | (records < 0 ? 3 : 0) | (fits ? 0 : 0x200)); /* QR AA RD RA, NXDOMAIN, TC */
	put16(answer, 1);
	put16(answer, 0);
	put16(answer, 0);
	put16(answer, 0);
	put(answer, query + HEADER, end + 5 - HEADER);
	if (fits && records > 0) {
		set16(answer, 6, (unsigned)records);
		for (int i = 1; i <= records; i++)
			put_record(answer, type, (unsigned)i);
	}
	return 1;
}

static void serve_datagrams(int socket)
{
	static struct answer answer;
	struct sockaddr_storage from;
	unsigned char query[UDP_LIMIT];
	for (;;) {
		socklen_t size = sizeof from;
		ssize_t got = recvfrom(socket, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (got < 0)
			return;
		if (make_answer(query, (size_t)got, UDP_LIMIT, &answer))
			sendto(socket, answer.bytes, answer.length, 0, (struct sockaddr *)&from, size);
	}
}

struct connection {
	unsigned char bytes[4096];
	size_t length;
};

/* Returns whether the connection remains open. */
static int serve_stream(int socket, struct connection *connection)
{
	static struct answer answer;
	ssize_t got = recv(socket, connection->bytes + connection->length, sizeof connection->bytes - connection->length, 0);
	if (got <= 0)
		return 0;
	connection->length += (size_t)got;
	while (connection->length >= 2) {
		size_t length = (size_t)connection->bytes[0] << 8 | connection->bytes[1];
		if (length + 2 > sizeof connection->bytes)
			return 0;
		if (connection->length < length + 2)
			break;
		if (make_answer(connection->bytes + 2, length, TCP_LIMIT, &answer)) {
			unsigned char prefix[2] = { (unsigned char)(answer.length >> 8), (unsigned char)answer.length };
			struct iovec parts[2] = { { prefix, 2 }, { answer.bytes, answer.length } };
			struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
			if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
				return 0;
		}
		connection->length -= length + 2;
		memmove(connection->bytes, connection->bytes + length + 2, connection->length);
	}
	return 1;
}

static int listening(int type, const char *address)
{
	int handle = socket(AF_INET, type | SOCK_CLOEXEC, 0), yes = 1;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1 || bind(handle, (struct sockaddr *)&at, sizeof at) != 0) {
		perror("server: bind");
		exit(1);
	}
	if (type == SOCK_STREAM)
		listen(handle, CONNECTIONS);
	return handle;
}

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

int main(int count, char **words)
{
	static struct connection connections[CONNECTIONS];
	struct pollfd polled[2 + CONNECTIONS];
	int used = 2, yes = 1;
	long last = 0;
	if (count != 2)
		return 2;
	polled[0] = (struct pollfd){ listening(SOCK_DGRAM, words[1]), POLLIN, 0 };
	polled[1] = (struct pollfd){ listening(SOCK_STREAM, words[1]), POLLIN, 0 };
	puts("ready");
	fflush(stdout);
	for (;;) {
		int ready = poll(polled, (nfds_t)used, now() - last < AWAKE_NANOSECONDS ? 0 : -1);
		if (ready <= 0)
			continue;
		last = now();
		if (polled[0].revents)
			serve_datagrams(polled[0].fd);
		for (int i = used - 1; i >= 2; i--) {
			if (!polled[i].revents || serve_stream(polled[i].fd, &connections[i - 2]))
				continue;
			close(polled[i].fd);
			polled[i] = polled[--used];
			connections[i - 2] = connections[used - 2];
		}
		if (polled[1].revents && used < 2 + CONNECTIONS) {
			int handle = accept(polled[1].fd, NULL, NULL);
			setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
			connections[used - 2].length = 0;
			polled[used++] = (struct pollfd){ handle, POLLIN, 0 };
		}
	}
}
