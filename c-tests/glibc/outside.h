/* Included before each of glibc's files that is compiled against the installed libc: definitions of glibc's build. */
#pragma once
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/types.h>

/* One test uses the internal name of a member of _res. The layout is the same. */
#define _LIBC
#include <bits/types/res_state.h>
#undef _LIBC
#include <resolv.h>

/* Attributes of internal symbols of libc.so, which are ordinary symbols here. */
#define attribute_hidden
#define attribute_tls_model_ie
#define libc_hidden_proto(...)
#define libc_hidden_def(...)
#define libresolv_hidden_proto(...)
#define libresolv_hidden_def(...)

#define __set_errno(value) (errno = (value))

/* The factor for the time limits of tests. */
#define TIMEOUTFACTOR 1
