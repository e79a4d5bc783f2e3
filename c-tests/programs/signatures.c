/* Compiles only if the functions that the library overrides have the expected declarations, and the structures that it
   accesses have the expected layouts. */

#define _GNU_SOURCE
#include <netdb.h>
#include <nss.h>
#include <signal.h>
#include <stddef.h>

#define IS(name, type) _Static_assert(__builtin_types_compatible_p(__typeof__(name), type), #name)
#define AT(type, field, place) _Static_assert(offsetof(type, field) == (place), #field)

typedef struct hostent *host;

IS(getaddrinfo, int(const char *, const char *, const struct addrinfo *, struct addrinfo **));
IS(getnameinfo, int(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int));
IS(gethostbyname, host(const char *));
IS(gethostbyname2, host(const char *, int));
IS(gethostbyaddr, host(const void *, socklen_t, int));
IS(gethostbyname_r, int(const char *, host, char *, size_t, host *, int *));
IS(gethostbyname2_r, int(const char *, int, host, char *, size_t, host *, int *));
IS(gethostbyaddr_r, int(const void *, socklen_t, int, host, char *, size_t, host *, int *));
IS(getaddrinfo_a, int(int, struct gaicb **, int, struct sigevent *));
IS(gai_suspend, int(const struct gaicb *const *, int, const struct timespec *));
IS(gai_cancel, int(struct gaicb *));
IS(__nss_configure_lookup, int(const char *, const char *));

AT(struct gaicb, ar_result, 24);
AT(struct gaicb, __return, 32);
AT(struct sigevent, sigev_signo, 8);
AT(struct sigevent, sigev_notify, 12);
AT(struct sigevent, sigev_notify_function, 16);
AT(struct sigevent, sigev_notify_attributes, 24);
AT(siginfo_t, si_pid, 16);
AT(siginfo_t, si_value, 24);

int main(void)
{
	return 0;
}
