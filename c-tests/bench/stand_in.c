/* A substitute for libc, preloaded after the library under test. Its getaddrinfo returns immediately, so that only the
   overhead of the library is measured. */

#include <netdb.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	(void)node, (void)service, (void)hints, (void)result;
	return EAI_NONAME;
}
