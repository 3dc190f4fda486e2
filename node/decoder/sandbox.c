#include "node/decoder/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SPARE_FD = 16, PROGRAM_MAX = 4096 };

struct kt_sandbox {
    uint64_t           mapped_bytes;  // address space of the server: programs and libraries, not the file's doing
    struct sock_fprog  program;
    struct sock_filter filter[PROGRAM_MAX];
};

// Plain computing. Calls in neither list fail with EPERM, so that a library that merely probes can continue.
static const int ALLOWED[] = {
    SCMP_SYS(munmap),       SCMP_SYS(mremap),          SCMP_SYS(madvise),      SCMP_SYS(brk),
    SCMP_SYS(futex),        SCMP_SYS(clock_gettime),   SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(exit),         SCMP_SYS(exit_group),      SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),       SCMP_SYS(gettid),          SCMP_SYS(getrandom),    SCMP_SYS(sched_yield),
    SCMP_SYS(clock_getres), SCMP_SYS(restart_syscall), SCMP_SYS(sigaltstack),  SCMP_SYS(sched_getaffinity),
};

// No decoder needs these: a process that calls them has been taken over.
static const int DEADLY[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(socket),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(bpf),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(mount),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kill),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(init_module),
    SCMP_SYS(setuid),
    SCMP_SYS(finit_module),
};

// libseccomp writes its program to a descriptor; installing those bytes costs a child far less than compiling them.
static kt_err_t
compile_filter(kt_sandbox_t *self)
{
    kt_err_t        err = KT_ESYSTEM;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int             fd  = memfd_create("filter", MFD_CLOEXEC);
    if (!ctx || fd < 0)
        goto done;
    int bad = 0;
    for (size_t i = 0; i < sizeof ALLOWED / sizeof *ALLOWED; i++)
        bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, ALLOWED[i], 0);
    for (size_t i = 0; i < sizeof DEADLY / sizeof *DEADLY; i++)
        bad |= seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, DEADLY[i], 0);
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(pread64), 1, SCMP_A0(SCMP_CMP_EQ, KT_CHILD_MEDIA_FD));
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, KT_CHILD_MEDIA_FD));
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1, SCMP_A0(SCMP_CMP_EQ, KT_CHILD_CONTROL_FD));
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), 1, SCMP_A0(SCMP_CMP_EQ, KT_CHILD_CONTROL_FD));
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (bad || seccomp_export_bpf(ctx, fd))
        goto done;

    ssize_t n = pread(fd, self->filter, sizeof self->filter, 0);
    if (n <= 0 || n == sizeof self->filter || n % (ssize_t)sizeof *self->filter)
        goto done;
    self->program =
        (struct sock_fprog){.len = (unsigned short)((size_t)n / sizeof *self->filter), .filter = self->filter};
    err = KT_OK;
done:
    if (fd >= 0)
        close(fd);
    seccomp_release(ctx);
    return err;
}

kt_err_t
kt_sandbox_new(kt_sandbox_t **self_p)
{
    kt_err_t      err   = KT_ENOMEM;
    unsigned long pages = 0;
    kt_sandbox_t *self  = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    err = compile_filter(self);
    if (err != KT_OK)
        goto fail;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm || fscanf(statm, "%lu", &pages) != 1)
        err = KT_ESYSTEM;
    if (statm)
        fclose(statm);
    if (err != KT_OK)
        goto fail;
    self->mapped_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    *self_p            = self;
    return KT_OK;
fail:
    kt_sandbox_destroy(&self);
    return err;
}

void
kt_sandbox_destroy(kt_sandbox_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

kt_err_t
kt_sandbox_descriptors(const int fds[KT_REQUEST_FDS])
{
    static const int places[KT_REQUEST_FDS] = {
        [KT_FD_MEDIA] = KT_CHILD_MEDIA_FD, [KT_FD_RING] = KT_CHILD_RING_FD, [KT_FD_CONTROL] = KT_CHILD_CONTROL_FD};
    int spare[KT_REQUEST_FDS];
    // First moved away: the target of one may be the present number of another.
    for (int i = 0; i < KT_REQUEST_FDS; i++)
        if ((spare[i] = fcntl(fds[i], F_DUPFD, SPARE_FD)) < 0)
            return KT_ESYSTEM;
    for (int i = 0; i < KT_REQUEST_FDS; i++)
        if (dup2(spare[i], places[i]) < 0)
            return KT_ESYSTEM;
    if (close_range(0, 2, 0) || close_range(KT_CHILD_RING_FD + 1, ~0u, 0))
        return KT_ESYSTEM;
    return KT_OK;
}

static int
set_limit(int what, uint64_t soft, uint64_t hard)
{
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){.rlim_cur = soft, .rlim_max = hard});
}

kt_err_t
kt_sandbox_enter(const kt_sandbox_t *self, const kt_decode_limits_t *limits)
{
    uint64_t space = self->mapped_bytes + limits->memory_bytes;
    if (space < self->mapped_bytes)
        space = RLIM_INFINITY;
    // The soft CPU limit ends in SIGXCPU, by which the server detects the reason; the hard one is for a process that
    // ignores it.
    if (set_limit(RLIMIT_CORE, 0, 0) || set_limit(RLIMIT_FSIZE, 0, 0) || set_limit(RLIMIT_NPROC, 0, 0) ||
        set_limit(RLIMIT_MEMLOCK, 0, 0) || set_limit(RLIMIT_NOFILE, 0, 0) ||
        set_limit(RLIMIT_CPU, limits->cpu_s, (uint64_t)limits->cpu_s + 1) || set_limit(RLIMIT_AS, space, space))
        return KT_ESYSTEM;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return KT_ESYSTEM;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &self->program, 0, 0) ? KT_ESYSTEM : KT_OK;
}
