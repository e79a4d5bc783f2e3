/* In the place of glibc's own <stackinfo.h>, which is another one for each processor. */
#pragma once
#include <elf.h>
#define DEFAULT_STACK_PERMS (PF_R | PF_W)
#define _STACK_GROWS_DOWN 1
