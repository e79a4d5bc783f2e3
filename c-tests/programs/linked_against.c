/* Lookups of a program and of a library that may be linked against nss-bypass, as with `gcc PROGRAM.c -lnss_bypass`.
   Compiled with -DLIBRARY, this is that library. Usage: linked_against HOW [PATH] LOOKUP..., with HOW one of

     alone                 only lookups of the program
     linked                also those of a library that the program is linked against
     opened PATH           also those of the library at PATH, which is loaded with dlopen
     deep PATH             the same, with the library's own dependencies first (RTLD_DEEPBIND)
     deep-too PATH         the same, if the program already has such a library, with libc before it

   Prints "program: LOOKUP => RESULT", and the same for the library. */

#include "lookup_line.h"

#include <dlfcn.h>
#include <unistd.h>

static void speak_for(const char *who, const char *line)
{
	static struct lookup lookup;
	if (parse_lookup(&lookup, line))
		printf("%s: %s => %s\n", who, line, look(&lookup));
	fflush(stdout);
}

#ifdef LIBRARY

void speak(const char *line)
{
	speak_for("library", line);
}

#else

int main(int count, char **words)
{
	int opened = strcmp(words[1], "opened") == 0, deep = strstr(words[1], "deep") != NULL, first = opened || deep ? 3 : 2;
	void *library = RTLD_DEFAULT;
	alarm(60);
	if (opened || deep) {
		library = dlopen(words[2], RTLD_NOW | RTLD_LOCAL | (deep ? RTLD_DEEPBIND : 0));
		if (library == NULL) {
			printf("NOT OPENED: %s\n", dlerror());
			return 1;
		}
	}
	void (*speak)(const char *line) = NULL;
	*(void **)&speak = dlsym(library, "speak");
	for (int i = first; i < count; i++) {
		speak_for("program", words[i]);
		if (speak != NULL)
			speak(words[i]);
	}
	return 0;
}

#endif
