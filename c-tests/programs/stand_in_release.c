/* Simulates another release of glibc: gnu_get_libc_version() returns RELEASE, and nothing else differs. */

#include <gnu/libc-version.h>

const char *gnu_get_libc_version(void) { return RELEASE; }
