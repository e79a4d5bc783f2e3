/* Lookups in a sandbox. Usage: seccomp CALLS [warm|cold] [LOOKUP...]

   CALLS are the allowed system calls, separated by commas; any other kills the process. "-": all are allowed, and
   getppid marks the beginning and end of lookups for tracers. "warm": each lookup is performed once before. */

#include "lookup_line.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 200 };

static const struct named calls[] = {
#define CALL(name) { #name, SYS_##name }
	CALL(newfstatat), CALL(openat), CALL(read), CALL(lseek), CALL(close), CALL(socket), CALL(connect), CALL(setsockopt),
	CALL(ppoll), CALL(sendmmsg), CALL(sendto), CALL(recvfrom), CALL(recvmsg), CALL(ioctl), CALL(writev), CALL(getpeername),
	CALL(getsockname), CALL(uname), CALL(bind), CALL(futex), CALL(mmap), CALL(munmap), CALL(mremap), CALL(mprotect), CALL(brk),
	CALL(clock_gettime), CALL(write), CALL(exit_group), CALL(getpid), CALL(fstat), CALL(rt_sigprocmask), CALL(madvise),
	CALL(getrandom), CALL(gettid), CALL(sendmsg), CALL(getsockopt), CALL(fcntl), CALL(pread64), CALL(faccessat),
#ifdef SYS_poll /* Newer architectures, such as aarch64, have only the calls that take more arguments. */
	CALL(poll), CALL(stat), CALL(access),
#endif
	{ NULL, -1 },
};

static void forbid_all_but(char *names)
{
	struct sock_filter filter[2 * MOST + 4] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	unsigned short length = 1;
	char *rest = NULL;
	for (char *name = strtok_r(names, ",", &rest); name != NULL && length < 2 * MOST; name = strtok_r(NULL, ",", &rest)) {
		int number = -1;
		for (const struct named *call = calls; call->name != NULL; call++)
			if (strcmp(call->name, name) == 0)
				number = call->value;
		if (number < 0) {
			printf("NO SUCH CALL: %s\n", name);
			exit(2);
		}
		filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
		filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog program = { .len = length, .filter = filter };
	fflush(stdout);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("seccomp");
		exit(2);
	}
}

/* stdio would make additional system calls. */
static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(3);
}

int main(int count, char **words)
{
	static struct lookup lookup;
	alarm(30);
	int traced = strcmp(words[1], "-") == 0, warm = strcmp(words[2], "warm") == 0;
	for (int i = 3; warm && i < count; i++)
		if (parse_lookup(&lookup, words[i]))
			look(&lookup);
	if (!traced)
		forbid_all_but(words[1]);
	for (int i = 3; i < count; i++) {
		if (!parse_lookup(&lookup, words[i]))
			continue;
		if (traced)
			syscall(SYS_getppid);
		look(&lookup);
		if (traced)
			syscall(SYS_getppid);
		say(lookup.text);
		say("\n");
	}
	_exit(0);
}
