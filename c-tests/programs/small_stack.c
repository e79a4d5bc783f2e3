/* Lookups in threads with small stacks. Usage: small_stack KIBIBYTES. Each line of standard input is a lookup
   (lookup_line.h).

   Prints the result and the number of used bytes of the stack for each lookup. The line "rewrite FILE" sets the
   modification time of FILE, and waits until the library would check it again. */

#include "lookup_line.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lookup lookup;

static void *work(void *unused)
{
	look(&lookup);
	return unused;
}

static size_t touched(const unsigned char *stack, size_t size)
{
	size_t untouched = 0;
	while (untouched < size && stack[untouched] == FILLER)
		untouched++;
	return size - untouched;
}

static void run(size_t size)
{
	/* Below it, there is a guard page. */
	unsigned char *room = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attributes;
	pthread_t thread;
	mprotect(room, 4096, PROT_NONE);
	memset(room + 4096, FILLER, size);
	pthread_attr_init(&attributes);
	if (pthread_attr_setstack(&attributes, room + 4096, size) != 0 || pthread_create(&thread, &attributes, work, NULL) != 0) {
		puts("NO THREAD");
		return;
	}
	pthread_join(thread, NULL);
	printf("%s %s => %s\n%zu\n", lookup.kind, lookup.name, lookup.text, touched(room + 4096, size));
	fflush(stdout);
	munmap(room, size + 4096);
}

int main(int count, char **words)
{
	char line[1024];
	size_t size = count > 1 ? (size_t)atoi(words[1]) * 1024 : 0;
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (!parse_lookup(&lookup, line))
			continue;
		if (strcmp(lookup.kind, "rewrite") == 0) {
			FILE *file = fopen(lookup.name, "a");
			fputs("# once more\n", file);
			fclose(file);
			usleep(1100000);
			continue;
		}
		run(size);
	}
	return 0;
}
