/* Put before each of glibc's files that is compiled against the installed libc: what its own build has everywhere. */
#pragma once
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/types.h>

/* One test reads a member of _res by the name that it has inside libc. The layout is the same. */
#define _LIBC
#include <bits/types/res_state.h>
#undef _LIBC
#include <resolv.h>

/* Marks for symbols inside libc.so: here they are ordinary ones. */
#define attribute_hidden
#define attribute_tls_model_ie
#define libc_hidden_proto(...)
#define libc_hidden_def(...)
#define libresolv_hidden_proto(...)
#define libresolv_hidden_def(...)

#define __set_errno(value) (errno = (value))

/* How much longer than usual a test may take. */
#define TIMEOUTFACTOR 1
