/* A program with a variable and a function of its own that libc has too: own_names NAME
   Neither name is reserved, and the linker exports both, since libc has them. */

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

char **environ;

long syscall(long number)
{
	printf("called for %ld\n", number);
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
