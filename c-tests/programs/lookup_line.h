/* A lookup that is described by a line of text, and uses little stack and no allocated memory, for programs in which
   both are limited.

   The format of a line is: KIND NAME [SERVICE]. The kinds are: gai, gai4, gai6, gaic (with the canonical name), ghbn,
   ghbn2 (IPv6), ghbnr, ghba, ghbar, gni, gaia (getaddrinfo_a, and waiting for it). */

#include "results.h"

enum { TEXT = 8192, SCRATCH = 16384 };

struct lookup {
	char kind[16], name[512], service[32];
	/* The buffer for functions with a buffer argument, and the result as text. */
	char scratch[SCRATCH], text[TEXT];
	size_t length;
};

static inline void put(struct lookup *lookup, const char *text)
{
	size_t length = strlen(text);
	if (lookup->length + length >= TEXT)
		return;
	memcpy(lookup->text + lookup->length, text, length + 1);
	lookup->length += length;
}

static inline void put_number(struct lookup *lookup, const char *label, int value)
{
	char digits[12], *digit = digits + sizeof digits;
	unsigned left = value < 0 ? -(unsigned)value : (unsigned)value;
	*--digit = '\0';
	do
		*--digit = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	put(lookup, label);
	if (value < 0)
		put(lookup, "-");
	put(lookup, digit);
}

static inline void put_host(struct lookup *lookup, const struct hostent *host)
{
	char text[INET6_ADDRSTRLEN];
	put(lookup, host->h_name);
	for (char **alias = host->h_aliases; *alias != NULL; alias++) {
		put(lookup, "/");
		put(lookup, *alias);
	}
	for (char **address = host->h_addr_list; *address != NULL; address++) {
		put(lookup, " ");
		put(lookup, inet_ntop(host->h_addrtype, *address, text, sizeof text));
	}
}

static inline void put_list(struct lookup *lookup, int code, struct addrinfo *list)
{
	char text[INET6_ADDRSTRLEN];
	put(lookup, code == 0 ? "found" : eai_name(code));
	if (code == EAI_SYSTEM)
		put_number(lookup, " errno=", errno);
	if (code != 0)
		return;
	for (struct addrinfo *node = list; node != NULL; node = node->ai_next) {
		const void *address = node->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)node->ai_addr)->sin_addr
								 : (void *)&((struct sockaddr_in6 *)node->ai_addr)->sin6_addr;
		put(lookup, " ");
		put(lookup, inet_ntop(node->ai_family, address, text, sizeof text));
		if (node->ai_canonname != NULL) {
			put(lookup, "=");
			put(lookup, node->ai_canonname);
		}
	}
	freeaddrinfo(list);
}

static inline int address_of(const char *text, void *address)
{
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	inet_pton(family, text, address);
	return family;
}

/* Writes a host or h_errno, and the return value of the function. */
static inline void put_outcome(struct lookup *lookup, const struct hostent *host, int error, int code)
{
	if (host != NULL)
		put_host(lookup, host);
	else
		put_number(lookup, "h_errno=", error);
	if (code != 0)
		put_number(lookup, " rc=", code);
}

static inline void look_by_address(struct lookup *lookup)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct hostent place, *host = NULL;
	unsigned char address[16];
	int family = address_of(lookup->name, address), error = 0, code = 0;
	socklen_t length = family == AF_INET ? 4 : 16;
	if (strcmp(lookup->kind, "gni") == 0) {
		memcpy(&four.sin_addr, address, 4);
		memcpy(&six.sin6_addr, address, 16);
		code = getnameinfo(family == AF_INET ? (void *)&four : (void *)&six, family == AF_INET ? sizeof four : sizeof six,
				   lookup->scratch, 1025, lookup->scratch + 2048, 32, 0);
		put(lookup, code == 0 ? lookup->scratch : eai_name(code));
		if (code == 0) {
			put(lookup, " ");
			put(lookup, lookup->scratch + 2048);
		}
		return;
	}
	if (strcmp(lookup->kind, "ghba") == 0) {
		host = gethostbyaddr(address, length, family);
		error = h_errno;
	} else {
		code = gethostbyaddr_r(address, length, family, &place, lookup->scratch, SCRATCH, &host, &error);
	}
	put_outcome(lookup, host, error, code);
}

static inline void look_for_host(struct lookup *lookup)
{
	struct hostent place, *host = NULL;
	int error = 0, code = 0;
	if (strcmp(lookup->kind, "ghbnr") == 0) {
		code = gethostbyname_r(lookup->name, &place, lookup->scratch, SCRATCH, &host, &error);
	} else {
		host = lookup->kind[4] == '2' ? gethostbyname2(lookup->name, AF_INET6) : gethostbyname(lookup->name);
		error = h_errno;
	}
	put_outcome(lookup, host, error, code);
}

/* Parses LINE. */
static inline int parse_lookup(struct lookup *lookup, const char *line)
{
	lookup->service[0] = '\0';
	return sscanf(line, "%15s %511s %31s", lookup->kind, lookup->name, lookup->service) >= 2;
}

/* Performs the lookup, and returns the result. */
static inline const char *look(struct lookup *lookup)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	const char *service = lookup->service[0] != '\0' ? lookup->service : NULL;
	lookup->length = 0;
	lookup->text[0] = '\0';
	if (strcmp(lookup->kind, "gaia") == 0) {
		struct gaicb request = { .ar_name = lookup->name, .ar_service = service, .ar_request = &hints }, *requests = &request;
		int code = getaddrinfo_a(GAI_WAIT, &requests, 1, NULL);
		put_list(lookup, code != 0 ? code : gai_error(&request), request.ar_result);
	} else if (strncmp(lookup->kind, "gai", 3) == 0) {
		hints.ai_family = lookup->kind[3] == '4' ? AF_INET : lookup->kind[3] == '6' ? AF_INET6 : AF_UNSPEC;
		hints.ai_flags = lookup->kind[3] == 'c' ? AI_CANONNAME : 0;
		int code = getaddrinfo(lookup->name, service, &hints, &list);
		put_list(lookup, code, list);
	} else if (strncmp(lookup->kind, "ghbn", 4) == 0) {
		look_for_host(lookup);
	} else {
		look_by_address(lookup);
	}
	return lookup->text;
}
