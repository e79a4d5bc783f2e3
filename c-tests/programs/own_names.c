/* A program that defines a variable and functions with the same names as in libc: own_names NAME

   environ and syscall are not reserved names, and the linker exports them since libc also defines them. dlsym is
   defined to detect calls: it acquires a lock of the dynamic linker, and must not be called at startup or in a
   lookup. */

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
