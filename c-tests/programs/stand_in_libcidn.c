/* A substitute for libcidn.so.1, which glibc before 2.28 uses to convert internationalised names. The results show
   which function was called, and with which flags. */

#include <stdlib.h>
#include <string.h>

enum { IDNA_SUCCESS = 0, IDNA_CONTAINS_NON_LDH = 5, IDNA_MALLOC_ERROR = 201 };

int idna_to_ascii_lz(const char *input, char **output, int flags);
int idna_to_unicode_lzlz(const char *input, char **output, int flags);

int idna_to_ascii_lz(const char *input, char **output, int flags)
{
	static const char *const names[] = { "to-idn_ok.t.example", "cname_ok.t.example", "ok3_ok3.t.example", "v4only" };
	if (strchr(input, '!') != NULL)
		return IDNA_CONTAINS_NON_LDH;
	if (strchr(input, '$') != NULL)
		return IDNA_MALLOC_ERROR;
	*output = strdup(names[flags & 3]);
	return IDNA_SUCCESS;
}

int idna_to_unicode_lzlz(const char *input, char **output, int flags)
{
	(void)flags;
	*output = malloc(strlen(input) + sizeof "unicode of ");
	strcpy(*output, "unicode of ");
	strcat(*output, input);
	return IDNA_SUCCESS;
}
