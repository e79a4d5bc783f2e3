/* A substitute for glibc's <stackinfo.h>, which depends on the architecture. */
#pragma once
#include <elf.h>
#define DEFAULT_STACK_PERMS (PF_R | PF_W)
#define _STACK_GROWS_DOWN 1
