/* A program that loads the library with dlopen instead of preloading it.
   Usage: dlopen LIBRARY HOW LOOKUP, with HOW one of

     use        perform a lookup with the library; then close it, perform a lookup with libc, fork, and end a thread
     unused     the same, but close it immediately
     again      open, use and close it twenty times
     busy       close it while another thread performs a lookup of a name that is answered late

   The results of libc are compared with those before the library was loaded. */

#include "lookup_line.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int getaddrinfo_type(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static struct lookup lookup;

/* Performs a lookup with the given function. */
static void through(getaddrinfo_type *function, char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int code = function(lookup.name, NULL, &hints, &list);
	lookup.length = 0;
	put_list(&lookup, code, list);
	strcpy(text, lookup.text);
}

static void *open_library(const char *path, getaddrinfo_type **function)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		printf("NOT OPENED: %s\n", dlerror());
		exit(1);
	}
	*(void **)function = dlsym(library, "getaddrinfo");
	return library;
}

static void *slow_lookup(void *function)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int code = ((getaddrinfo_type *)function)(lookup.name, NULL, &hints, &list);
	printf("the slow lookup: %s\n", eai_name(code));
	if (code == 0)
		freeaddrinfo(list);
	return NULL;
}

static void *nothing(void *unused)
{
	return unused;
}

static void go_on(const char *before)
{
	static char text[TEXT];
	pthread_t thread;
	through(getaddrinfo, text);
	printf("libc afterwards: %s\n", strcmp(text, before) == 0 ? "as before" : text);
	fflush(stdout);
	if (fork() == 0)
		_exit(0);
	int status = 0;
	wait(&status);
	puts(status == 0 ? "forked" : "THE CHILD DIED");
	pthread_create(&thread, NULL, nothing, NULL);
	pthread_join(thread, NULL);
	puts("ended a thread");
}

int main(int count, char **words)
{
	static char before[TEXT], text[TEXT];
	getaddrinfo_type *function;
	pthread_t thread;
	if (count < 4 || !parse_lookup(&lookup, words[3]))
		return 2;
	const char *how = words[2];
	int busy = strcmp(how, "busy") == 0, times = strcmp(how, "again") == 0 ? 20 : 1;
	if (!busy)
		through(getaddrinfo, before);
	for (int time = 0; time < times; time++) {
		void *library = open_library(words[1], &function);
		if (busy) {
			pthread_create(&thread, NULL, slow_lookup, (void *)function);
			usleep(300000);
		} else if (strcmp(how, "unused") != 0) {
			through(function, text);
			printf("through the library: %s\n", text);
		}
		printf("closed: %d\n", dlclose(library));
		fflush(stdout);
		if (busy)
			pthread_join(thread, NULL);
	}
	go_on(busy ? "" : before);
	return 0;
}
