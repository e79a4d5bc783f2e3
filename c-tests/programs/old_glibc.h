/* Definitions that older releases of glibc lack. Included after the system headers. */

#ifndef OLD_GLIBC_H
#define OLD_GLIBC_H

#include <malloc.h>
#include <resolv.h>
#include <unistd.h>

/* Since 2.36; older releases ignore this bit. */
#ifndef RES_NOAAAA
#define RES_NOAAAA 0x08000000
#endif

/* Since 2.33; mallinfo uses int, which is sufficient here. */
#if !__GLIBC_PREREQ(2, 33)
#define mallinfo2 mallinfo
#endif

/* Since 2.34. */
#if !__GLIBC_PREREQ(2, 34)
static inline void closefrom(int first)
{
	for (int descriptor = first; descriptor < 4096; descriptor++)
		close(descriptor);
}
#endif

#endif
