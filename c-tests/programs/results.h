/* Prints all fields of the results of lookups, in a common format for all programs. Errors are printed in capitals. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNTOUCHED_ERRNO = 4242, UNTOUCHED_H_ERRNO = 77, GUARD = 64, FILLER = 0xa5 };

struct named {
	const char *name;
	int value;
};

/* The value of NAME in TABLE, or the value of a number. */
static inline int value_of(const char *name, const struct named *table)
{
	for (; table->name != NULL; table++)
		if (strcmp(name, table->name) == 0)
			return table->value;
	return (int)strtol(name, NULL, 0);
}

static inline const char *name_of(int value, const struct named *table)
{
	for (; table->name != NULL; table++)
		if (value == table->value)
			return table->name;
	return "?";
}

static inline void print_text(const char *text)
{
	if (text == NULL) {
		fputs("NULL", stdout);
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
			printf("\\x%02x", byte);
		else
			putchar(byte);
	}
	putchar('"');
}

static inline const char *eai_name(int code)
{
	static const struct named table[] = {
		{ "0", 0 }, { "EAI_BADFLAGS", EAI_BADFLAGS }, { "EAI_NONAME", EAI_NONAME }, { "EAI_AGAIN", EAI_AGAIN },
		{ "EAI_FAIL", EAI_FAIL }, { "EAI_NODATA", EAI_NODATA }, { "EAI_FAMILY", EAI_FAMILY },
		{ "EAI_SOCKTYPE", EAI_SOCKTYPE }, { "EAI_SERVICE", EAI_SERVICE },
		{ "EAI_ADDRFAMILY", EAI_ADDRFAMILY }, { "EAI_MEMORY", EAI_MEMORY }, { "EAI_SYSTEM", EAI_SYSTEM },
		{ "EAI_OVERFLOW", EAI_OVERFLOW }, { "EAI_IDN_ENCODE", EAI_IDN_ENCODE }, { NULL, 0 },
	};
	return name_of(code, table);
}

static inline void print_errno(int value)
{
	if (value != UNTOUCHED_ERRNO)
		printf(" errno=%d", value);
}

static inline int all_zero(const void *bytes, size_t length)
{
	for (const char *byte = bytes; length > 0; byte++, length--)
		if (*byte != 0)
			return 0;
	return 1;
}

static inline void print_socket_address(const struct addrinfo *node)
{
	char text[INET6_ADDRSTRLEN] = "?";
	if (node->ai_addr->sa_family != node->ai_family)
		printf(" OTHER-FAMILY=%d", node->ai_addr->sa_family);
	if (node->ai_family == AF_INET) {
		const struct sockaddr_in *address = (const void *)node->ai_addr;
		inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
		printf(" %s port=%d", text, ntohs(address->sin_port));
		if (!all_zero(address->sin_zero, sizeof address->sin_zero))
			fputs(" SIN_ZERO-NOT-ZERO", stdout);
	} else {
		const struct sockaddr_in6 *address = (const void *)node->ai_addr;
		inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
		printf(" %s port=%d", text, ntohs(address->sin6_port));
		if (address->sin6_flowinfo != 0 || address->sin6_scope_id != 0)
			printf(" flowinfo=%u scope=%u", address->sin6_flowinfo, address->sin6_scope_id);
	}
}

static inline void print_node(const struct addrinfo *node)
{
	printf("\n    flags=%#x family=%d socktype=%d protocol=%d addrlen=%u", (unsigned)node->ai_flags,
	       node->ai_family, node->ai_socktype, node->ai_protocol, node->ai_addrlen);
	/* A node and its address are in one allocation, on which programs rely when they copy nodes. */
	if ((const void *)node->ai_addr != (const void *)(node + 1))
		fputs(" ADDRESS-ELSEWHERE", stdout);
	if (malloc_usable_size((void *)node) < sizeof *node + node->ai_addrlen)
		fputs(" NODE-TOO-SMALL", stdout);
	print_socket_address(node);
	if (node->ai_canonname != NULL) {
		fputs(" canonname=", stdout);
		print_text(node->ai_canonname);
		if (malloc_usable_size(node->ai_canonname) <= strlen(node->ai_canonname))
			fputs(" CANONNAME-NOT-MALLOCED", stdout);
	}
}

/* Programs may split a list and free the parts in any order. */
static inline void free_backwards(struct addrinfo *list)
{
	if (list == NULL)
		return;
	struct addrinfo *rest = list->ai_next;
	list->ai_next = NULL;
	free_backwards(rest);
	freeaddrinfo(list);
}

/* Everything that HOST points to must be in BEGIN..END, unless these are NULL. */
static inline void print_hostent(const struct hostent *host, const char *begin, const char *end)
{
	char text[INET6_ADDRSTRLEN] = "?";
	int outside = 0;
	printf(" name=");
	print_text(host->h_name);
	printf(" type=%d length=%d aliases=[", host->h_addrtype, host->h_length);
	outside |= host->h_name < begin || host->h_name >= end;
	for (char **alias = host->h_aliases; *alias != NULL; alias++) {
		print_text(*alias);
		fputs(alias[1] != NULL ? "," : "", stdout);
		outside |= *alias < begin || *alias + strlen(*alias) >= end;
	}
	fputs("] addresses=[", stdout);
	for (char **address = host->h_addr_list; *address != NULL; address++) {
		inet_ntop(host->h_addrtype, *address, text, sizeof text);
		printf("%s%s", text, address[1] != NULL ? "," : "");
		outside |= *address < begin || *address + host->h_length > end;
		if ((uintptr_t)*address % 4 != 0)
			fputs(" UNALIGNED", stdout);
	}
	putchar(']');
	if (begin != NULL && outside)
		fputs(" OUTSIDE-THE-BUFFER", stdout);
}
