/* The IDs and source ports of queries. The name server returns both in addresses ("who").

   Usage: query_ids COUNT NAME FAMILY           COUNT lookups, one after the other
          query_ids fork CHILDREN NAME FAMILY   one lookup in each of CHILDREN children, all at the same time

   Prints a line for each lookup, with the ID and the port from each address. */

#include "results.h"

#include <sys/wait.h>
#include <unistd.h>

static void lookup(const char *name, int family)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM }, *list = NULL;
	char line[256] = "";
	size_t length = 0;
	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return;
	for (struct addrinfo *node = list; node != NULL; node = node->ai_next) {
		const unsigned char *made = node->ai_family == AF_INET
			? (const void *)&((struct sockaddr_in *)node->ai_addr)->sin_addr
			: ((struct sockaddr_in6 *)node->ai_addr)->sin6_addr.s6_addr + 12;
		length += (size_t)snprintf(line + length, sizeof line - length, "%d %d ", made[0] << 8 | made[1],
					   made[2] << 8 | made[3]);
	}
	freeaddrinfo(list);
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, length) < 0)
		_exit(1);
}

static int fork_children(int count, const char *name, int family)
{
	int gate[2], bad = 0, status;
	char byte;
	/* The state that the children inherit has been used before. */
	struct addrinfo *list = NULL;
	if (getaddrinfo(name, NULL, NULL, &list) == 0)
		freeaddrinfo(list);
	if (pipe(gate) != 0)
		return 1;
	for (int i = 0; i < count; i++) {
		if (fork() != 0)
			continue;
		close(gate[1]);
		if (read(gate[0], &byte, 1) == 0)
			lookup(name, family);
		_exit(0);
	}
	close(gate[1]);
	while (wait(&status) > 0)
		bad |= status;
	return bad != 0;
}

int main(int count, char **words)
{
	if (count > 4 && strcmp(words[1], "fork") == 0)
		return fork_children(atoi(words[2]), words[3], atoi(words[4]));
	for (int i = 0; count > 3 && i < atoi(words[1]); i++)
		lookup(words[2], atoi(words[3]));
	return 0;
}
