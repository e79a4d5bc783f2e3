/* gethostbyname_r, gethostbyname2_r and gethostbyaddr_r with buffers of all lengths and alignments.
   Usage: buffer_lengths NAME [FAMILY] or buffer_lengths @ADDRESS

   With any buffer, a call returns ERANGE without writing outside of the buffer, or an answer that is completely inside
   of the buffer. Prints the distinct results in order of increasing buffer lengths, each with the minimum length for
   which it occurs. */

#include "results.h"

enum { LONGEST = 4096, ALIGNMENTS = 8, OUTCOME = 8192 };

static int lookup(const char *name, int family, struct hostent *host, char *buffer, size_t length,
		  struct hostent **result, int *error)
{
	if (name[0] == '@') {
		unsigned char address[16];
		int kind = strchr(name, ':') != NULL ? AF_INET6 : AF_INET;
		inet_pton(kind, name + 1, address);
		return gethostbyaddr_r(address, kind == AF_INET6 ? 16 : 4, kind, host, buffer, length, result, error);
	}
	if (family == 0)
		return gethostbyname_r(name, host, buffer, length, result, error);
	return gethostbyname2_r(name, family, host, buffer, length, result, error);
}

static int guarded(const unsigned char *bytes, size_t count)
{
	while (count > 0 && bytes[count - 1] == FILLER)
		count--;
	return count == 0;
}

/* Makes one call, and prints all its effects to OUTCOME. */
static void try(const char *name, int family, int offset, size_t length, char *outcome)
{
	static char area[GUARD + ALIGNMENTS + LONGEST + GUARD] __attribute__((aligned(16)));
	char *buffer = area + GUARD + offset;
	struct hostent host, *result = (void *)1;
	int error = UNTOUCHED_H_ERRNO;
	memset(area, FILLER, sizeof area);
	errno = UNTOUCHED_ERRNO;
	int code = lookup(name, family, &host, buffer, length, &result, &error);
	int after = errno;

	FILE *terminal = stdout;
	stdout = fmemopen(outcome, OUTCOME, "w");
	printf("rc=%d", code);
	if (result != &host)
		printf(" h_errnop=%d", error);
	if (code != 0)
		print_errno(after);
	if (result == NULL)
		fputs(" hostent=NULL", stdout);
	else if (result != &host)
		fputs(" ANOTHER-HOSTENT", stdout);
	else
		print_hostent(result, buffer, buffer + length);
	if (!guarded((unsigned char *)area, (size_t)(buffer - area)) ||
	    !guarded((unsigned char *)buffer + length, sizeof area - (size_t)(buffer + length - area)))
		fputs(" GUARD-OVERWRITTEN", stdout);
	fclose(stdout);
	stdout = terminal;
}

int main(int count, char **words)
{
	const char *name = words[1];
	int family = count > 2 ? atoi(words[2]) : 0;
	char last[OUTCOME], outcome[OUTCOME];
	for (int offset = 0; offset < ALIGNMENTS; offset++) {
		printf("alignment %d:\n", offset);
		strcpy(last, "");
		/* All lengths near the limit. Above, some lengths are sufficient to check that the result does not change. */
		for (size_t length = 0; length <= LONGEST; length += length < 640 ? 1 : 173) {
			try(name, family, offset, length, outcome);
			if (strcmp(outcome, last) != 0)
				printf("  from %zu: %s\n", length, outcome);
			strcpy(last, outcome);
		}
	}
	return 0;
}
