/* The time that lookups take. Usage: lookup_time COUNT KIND NAME [SERVICE]

   KIND is gai, ghbn or ghba. Prints the result of the last lookup, and the median of COUNT lookups in nanoseconds. */

#include "results.h"

#include <time.h>

static const char *lookup(const char *kind, const char *name, const char *service)
{
	static char text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	struct hostent *host;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	if (strcmp(kind, "gai") == 0) {
		int code = getaddrinfo(name, service, &hints, &list);
		if (code != 0)
			return eai_name(code);
		getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
		freeaddrinfo(list);
		return text;
	}
	if (strcmp(kind, "ghba") == 0) {
		int family = strchr(name, ':') != NULL ? AF_INET6 : AF_INET;
		inet_pton(family, name, address);
		host = gethostbyaddr(address, family == AF_INET6 ? 16 : 4, family);
	} else {
		host = gethostbyname(name);
	}
	return host == NULL ? "nothing" : host->h_name;
}

static int by_size(const void *one, const void *other)
{
	long a = *(const long *)one, b = *(const long *)other;
	return (a > b) - (a < b);
}

int main(int count, char **words)
{
	int rounds = count > 3 ? atoi(words[1]) : 0;
	if (rounds < 1)
		return 2;
	long *times = calloc((size_t)rounds, sizeof *times);
	const char *found = "";
	for (int i = 0; i < rounds; i++) {
		struct timespec begin, end;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		found = lookup(words[2], words[3], count > 4 ? words[4] : NULL);
		clock_gettime(CLOCK_MONOTONIC, &end);
		times[i] = (end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec;
	}
	qsort(times, (size_t)rounds, sizeof *times, by_size);
	printf("%s\n%ld\n", found, times[rounds / 2]);
	free(times);
	return 0;
}
