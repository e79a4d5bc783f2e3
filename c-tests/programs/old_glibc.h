/* What the programs use and older glibcs do not have. Included after the headers of the system. */

#ifndef OLD_GLIBC_H
#define OLD_GLIBC_H

#include <malloc.h>
#include <resolv.h>
#include <unistd.h>

/* 2.36; a bit that older ones ignore. */
#ifndef RES_NOAAAA
#define RES_NOAAAA 0x08000000
#endif

/* 2.33; the older one counts in int, which is enough here. */
#if !__GLIBC_PREREQ(2, 33)
#define mallinfo2 mallinfo
#endif

/* 2.34. */
#if !__GLIBC_PREREQ(2, 34)
static inline void closefrom(int first)
{
	for (int descriptor = first; descriptor < 4096; descriptor++)
		close(descriptor);
}
#endif

#endif
