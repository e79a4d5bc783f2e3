/* A libc that does nothing: preloaded behind the library under test, its getaddrinfo returns at once. So what is
   measured is what the library adds. */

#include <netdb.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	(void)node, (void)service, (void)hints, (void)result;
	return EAI_NONAME;
}
