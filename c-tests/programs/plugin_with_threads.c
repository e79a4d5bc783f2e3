/* A program without threads and getaddrinfo_a, and a plug-in that uses both, which is loaded with RTLD_LOCAL, as in
   Python and most other programs. Before glibc 2.34, both are in separate libraries.
   Usage: plugin_with_threads PLUGIN NAME

   Prints the message of dlerror at the start of the program, the result of the plug-in's getaddrinfo_a for the name,
   and whether a thread of the plug-in that performs lookups continuously ends when it is cancelled. Compiled with
   -DPLUGIN, this is the plug-in. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef PLUGIN

static void *look_up_for_ever(void *name)
{
	for (;;)
		gethostbyname(name);
	return NULL;
}

void act(const char *name)
{
	struct gaicb request = {.ar_name = name}, *list = &request;
	char text[INET6_ADDRSTRLEN] = "-";
	int code = getaddrinfo_a(GAI_WAIT, &list, 1, NULL), error = code == 0 ? gai_error(&request) : code;
	if (code == 0 && error == 0 && request.ar_result->ai_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)request.ar_result->ai_addr)->sin_addr, text, sizeof text);
	printf("getaddrinfo_a: %d, %d, %s\n", code, error, text);

	pthread_t thread;
	if (pthread_create(&thread, NULL, look_up_for_ever, (void *)name) != 0) {
		printf("no thread\n");
		return;
	}
	usleep(100 * 1000);
	pthread_cancel(thread);
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	printf("cancelled: %s\n", pthread_timedjoin_np(thread, NULL, &end) == 0 ? "ends" : "goes on");
	fflush(stdout);
}

#else

int main(int count, char **words)
{
	if (count != 3)
		return 2;
	alarm(60);
	const char *error = dlerror();
	printf("dlerror: %s\n", error == NULL ? "-" : error);
	void *plugin = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
	if (plugin == NULL) {
		printf("NOT OPENED: %s\n", dlerror());
		return 1;
	}
	void (*act)(const char *name) = NULL;
	*(void **)&act = dlsym(plugin, "act");
	act(words[2]);
	return 0;
}

#endif
