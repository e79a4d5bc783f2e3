/* A substitute for the library with a small error: the last address of an answer has another port. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
		struct addrinfo **restrict result)
{
	__typeof__(getaddrinfo) *real = (__typeof__(getaddrinfo) *)dlsym(RTLD_NEXT, "getaddrinfo");
	int code = real(name, service, hints, result);
	for (struct addrinfo *node = code == 0 ? *result : NULL; node != NULL; node = node->ai_next)
		if (node->ai_next == NULL)
			((struct sockaddr_in *)node->ai_addr)->sin_port ^= htons(1);
	return code;
}
