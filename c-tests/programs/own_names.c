/* A program with a variable and functions of its own that libc has too: own_names NAME
   environ and syscall are not reserved, and the linker exports them, since libc has them. dlsym is here to be told of: it takes
   a lock of the dynamic linker's, and no start and no lookup needs it. */

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

char **environ;

long syscall(long number)
{
	printf("called for %ld\n", number);
	exit(1);
}

void *dlsym(void *library, const char *name)
{
	(void)library;
	printf("dlsym was called for %s\n", name);
	exit(1);
}

int main(int count, char **words)
{
	if (count < 2)
		return 2;
	struct addrinfo *list = NULL;
	int code = getaddrinfo(words[1], NULL, &(struct addrinfo){ .ai_family = AF_INET }, &list);
	printf("%s\n", code == 0 ? "found" : gai_strerror(code));
	return code != 0;
}
