/* A module for nsswitch.conf, `fakeno`, that knows no hosts, like mdns4_minimal or myhostname for most names. */

#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stddef.h>

static enum nss_status not_found(int *error, int *h_error)
{
	*error = ENOENT;
	*h_error = HOST_NOT_FOUND;
	return NSS_STATUS_NOTFOUND;
}

struct gaih_addrtuple;

enum nss_status _nss_fakeno_gethostbyname4_r(const char *name, struct gaih_addrtuple **found, char *buffer, size_t length,
	int *error, int *h_error, int *seconds)
{
	(void)name, (void)found, (void)buffer, (void)length, (void)seconds;
	return not_found(error, h_error);
}

enum nss_status _nss_fakeno_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer,
	size_t length, int *error, int *h_error)
{
	(void)name, (void)family, (void)host, (void)buffer, (void)length;
	return not_found(error, h_error);
}

enum nss_status _nss_fakeno_gethostbyname_r(const char *name, struct hostent *host, char *buffer, size_t length, int *error,
	int *h_error)
{
	(void)name, (void)host, (void)buffer, (void)length;
	return not_found(error, h_error);
}

enum nss_status _nss_fakeno_gethostbyaddr_r(const void *address, socklen_t size, int family, struct hostent *host,
	char *buffer, size_t length, int *error, int *h_error)
{
	(void)address, (void)size, (void)family, (void)host, (void)buffer, (void)length;
	return not_found(error, h_error);
}

/* A service that only this module knows. */
static enum nss_status service(struct servent *found, char *buffer, size_t length, int *error, const char *protocol)
{
	static char name[] = "fakeno-service";
	if (length < sizeof(char *) + sizeof name || (protocol != NULL && protocol[0] != 't')) {
		*error = protocol != NULL && protocol[0] != 't' ? ENOENT : ERANGE;
		return *error == ERANGE ? NSS_STATUS_TRYAGAIN : NSS_STATUS_NOTFOUND;
	}
	char **aliases = (char **)(void *)buffer;
	aliases[0] = NULL;
	found->s_name = name;
	found->s_aliases = aliases;
	found->s_port = 0x5c11; /* 4444 in network byte order. */
	static char tcp[] = "tcp";
	found->s_proto = tcp;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_fakeno_getservbyname_r(const char *name, const char *protocol, struct servent *found, char *buffer,
	size_t length, int *error)
{
	const char *known = "fakeno-service";
	while (*known != 0 && *known == *name) {
		known++, name++;
	}
	if (*known != *name) {
		*error = ENOENT;
		return NSS_STATUS_NOTFOUND;
	}
	return service(found, buffer, length, error, protocol);
}

enum nss_status _nss_fakeno_getservbyport_r(int port, const char *protocol, struct servent *found, char *buffer,
	size_t length, int *error)
{
	if (port != 0x5c11) {
		*error = ENOENT;
		return NSS_STATUS_NOTFOUND;
	}
	return service(found, buffer, length, error, protocol);
}
