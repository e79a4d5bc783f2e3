/* Lookups in a program that uses musl instead of glibc. Prints the results. Lists are freed, in the main thread, in
   another one, and in a child. */

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void find(const char *name)
{
	struct addrinfo *list, hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
	int code = getaddrinfo(name, "80", &hints, &list);
	printf("getaddrinfo %s: %d", name == NULL ? "NULL" : name, code);
	if (code == 0) {
		char text[99] = "";
		getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
		printf(" %s %s", text, list->ai_canonname == NULL ? "-" : list->ai_canonname);
		freeaddrinfo(list);
	}
	printf("\n");
}

static void *all(void *name)
{
	find(name);
	find("127.0.0.1");
	struct hostent own, *host = gethostbyname(name);
	printf("gethostbyname: %s\n", host == NULL ? "-" : host->h_name);
	char buffer[999];
	int error = 0, code = gethostbyname_r(name, &own, buffer, sizeof buffer, &host, &error);
	printf("gethostbyname_r: %d %s\n", code, host == NULL ? "-" : host->h_name);
	struct in_addr address = {htonl(INADDR_LOOPBACK)};
	host = gethostbyaddr(&address, sizeof address, AF_INET);
	printf("gethostbyaddr: %s\n", host == NULL ? "-" : host->h_name);
	return NULL;
}

int main(int count, char **words)
{
	if (count != 2)
		return 2;
	const char *error = dlerror();
	printf("dlerror: %s\n", error == NULL ? "-" : error);
	all(words[1]);
	pthread_t thread;
	if (pthread_create(&thread, NULL, all, words[1]) != 0 || pthread_join(thread, NULL) != 0)
		return 3;
	fflush(stdout);
	if (fork() == 0) {
		all(words[1]);
		fflush(stdout);
		_exit(0);
	}
	int status;
	wait(&status);
	return status == 0 ? 0 : 4;
}
