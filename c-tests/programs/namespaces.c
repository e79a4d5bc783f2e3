/* Lookups by a process, or one of its threads, in other namespaces.
   Usage: namespaces WHERE LOOKUP..., with WHERE one of

     chroot DIRECTORY     the process is in a chroot for its first lookup or, with the prefix "then-", its second one
     readonly             the same, with / mounted read-only
     noproc               the same, without /proc
     user ID              the same, as another user
     network FILE         a thread in the network namespace FILE, and the main thread, alternately
     nowhere              a thread in an empty network namespace, and the main thread, alternately
     mounts DIRECTORY     a thread with the files of DIRECTORY instead of /etc, and the main thread, alternately */

#include "lookup_line.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mount.h>
#include <unistd.h>

enum { TURNS = 3 };

static char **lookups, *where, *what;
static sem_t mine, yours;

static void must(int result, const char *action)
{
	if (result == 0)
		return;
	printf("CANNOT %s: %s\n", action, strerror(errno));
	exit(1);
}

static void all(const char *who)
{
	static struct lookup lookup;
	for (char **each = lookups; *each != NULL; each++)
		if (parse_lookup(&lookup, *each))
			printf("%s: %s %s => %s\n", who, lookup.kind, lookup.name, look(&lookup));
	fflush(stdout);
}

static void overlay(const char *name)
{
	char from[512], to[512];
	snprintf(from, sizeof from, "%.200s/%.200s", what, name);
	snprintf(to, sizeof to, "/etc/%.200s", name);
	must(mount(from, to, NULL, MS_BIND, NULL), to);
}

static void *other(void *unused)
{
	if (strcmp(where, "network") == 0) {
		int namespace = open(what, O_RDONLY | O_CLOEXEC);
		must(setns(namespace, CLONE_NEWNET), "enter the network namespace");
		close(namespace);
	} else if (strcmp(where, "nowhere") == 0) {
		must(unshare(CLONE_NEWNET), "make a network namespace");
	} else {
		must(unshare(CLONE_NEWNS), "make a mount namespace");
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "keep mounts to myself");
		overlay("resolv.conf");
		overlay("hosts");
	}
	for (int turn = 0; turn < TURNS; turn++) {
		sem_wait(&yours);
		all("thread");
		sem_post(&mine);
	}
	return unused;
}

static void go(void)
{
	if (strcmp(where, "chroot") == 0) {
		must(chroot(what), "change root");
		must(chdir("/"), "go there");
	} else if (strcmp(where, "user") == 0) {
		must(setresgid((gid_t)atoi(what), (gid_t)atoi(what), (gid_t)atoi(what)), "change the group");
		must(setresuid((uid_t)atoi(what), (uid_t)atoi(what), (uid_t)atoi(what)), "change the user");
	} else {
		must(unshare(CLONE_NEWNS), "make a mount namespace");
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "keep mounts to myself");
		if (strcmp(where, "noproc") == 0)
			must(mount("tmpfs", "/proc", "tmpfs", MS_RDONLY, NULL), "hide /proc");
		else
			must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "make / read-only");
	}
}

int main(int count, char **words)
{
	if (count < 4)
		return 2;
	where = words[1], what = words[2], lookups = words + 3;
	if (strcmp(where, "network") == 0 || strcmp(where, "nowhere") == 0 || strcmp(where, "mounts") == 0) {
		pthread_t thread;
		sem_init(&mine, 0, 1);
		sem_init(&yours, 0, 0);
		must(pthread_create(&thread, NULL, other, NULL), "start a thread");
		for (int turn = 0; turn < TURNS; turn++) {
			sem_wait(&mine);
			all("main");
			sem_post(&yours);
		}
		must(pthread_join(thread, NULL), "wait for the thread");
		return 0;
	}
	if (strncmp(where, "then-", 5) == 0) {
		where += 5;
		all("before");
	}
	go();
	all("there");
	return 0;
}
