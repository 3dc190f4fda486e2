#include "node/decoder/walls/walls.h"

#include "node/decode/protocol.h"
#include "node/decoder/walls/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { WITH_FILES = 0 };  // the sanitizers read /proc at the end of a process
#else
enum { WITH_FILES = 1 };
#endif

enum { NOBODY = 65534 };  // the user without rights of every distribution

static bool
write_text(const char *path, const char *text)
{
    const int  fd   = open(path, O_WRONLY | O_CLOEXEC);
    const bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

// A change of the user ID makes /proc/self the property of root, which the maps of a user namespace are written to:
// until close_to_namesakes it is its own again.
static bool
leave_root(void)
{
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

// The own IDs, unchanged, so that the file system of the mount namespace has an owner.
static bool
map_ids(uid_t uid, gid_t gid)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "%u %u 1", (unsigned)uid, (unsigned)uid);
    snprintf(groups, sizeof groups, "%u %u 1", (unsigned)gid, (unsigned)gid);
    return write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/gid_map", groups);
}

// pivot_root(2), "pivot_root(".", ".")": the new root lies over the old one, which is then detached.
static bool
empty_root(void)
{
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=4k") == 0 &&
           chdir("/proc") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
           chdir("/") == 0;
}

// The user ID without rights has other processes on the machine, which could trace this one.
static void
close_to_namesakes(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool
drop_capabilities(void)
{
    struct __user_cap_header_struct header  = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct   none[2] = {0};
    for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);  // refused to one who has no capabilities
    return syscall(SYS_capset, &header, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// Stays outside of the PID namespace, with none of the server's descriptors, and ends as the server does.
static _Noreturn void
wait_for_server(pid_t server)
{
    int status = 0;
    close(KT_DECODE_FD);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    while (waitpid(server, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

// The first process of a PID namespace must stay as long as it: the server does, its children come and go.
static void
enter_pid_namespace(void)
{
    const pid_t server = fork();
    if (server < 0)
        _exit(1);  // the next child would be the first process of the namespace, and its end the namespace's
    if (server > 0)
        wait_for_server(server);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        _exit(1);
}

uint32_t
kt_walls_raise(void)
{
    const bool was_root   = geteuid() == 0;
    bool       namespaces = false;
    uint32_t   walls      = KT_WALL_CALLS;
    if (write_text("/proc/self/oom_score_adj", "1000"))
        walls |= KT_WALL_OOM;
    if (!was_root || leave_root())
        walls |= KT_WALL_UID;
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) == 0) {
        namespaces = true;
        walls |= KT_WALL_USER | KT_WALL_NETWORK | KT_WALL_IPC | KT_WALL_PROCESSES;
        if (map_ids(uid, gid) && WITH_FILES && empty_root())
            walls |= KT_WALL_ROOT;
    }
    if (was_root)
        close_to_namesakes();
    if (drop_capabilities())
        walls |= KT_WALL_CAPABILITIES;
    if (WITH_FILES && kt_landlock_deny_all())
        walls |= KT_WALL_FILES;
    if (namespaces)
        enter_pid_namespace();  // last, so that the process that stays outside has the walls too
    return walls;
}
