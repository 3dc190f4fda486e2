// A child of the decoder that runs an attacker's code (tests/hijack): what the kernel still does for it.
#include "node/decode/walls.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HIJACKED = 0 };  // their run-time has to come before a preloaded library, and makes calls of its own
#else
enum { HIJACKED = 1 };
#endif

// The first call of each ends the process: nothing that a decoder does.
static const struct call {
    long        number;
    const char *name;
} DEADLY[] = {
    {SYS_execve, "execve"},
    {SYS_execveat, "execveat"},
    {SYS_fork, "fork"},
    {SYS_vfork, "vfork"},
    {SYS_clone, "clone"},
    {SYS_clone3, "clone3"},
    {SYS_ptrace, "ptrace"},
    {SYS_process_vm_readv, "process_vm_readv"},
    {SYS_process_vm_writev, "process_vm_writev"},
    {SYS_socket, "socket"},
    {SYS_connect, "connect"},
    {SYS_bind, "bind"},
    {SYS_bpf, "bpf"},
    {SYS_io_uring_setup, "io_uring_setup"},
    {SYS_userfaultfd, "userfaultfd"},
    {SYS_keyctl, "keyctl"},
    {SYS_mount, "mount"},
    {SYS_unshare, "unshare"},
    {SYS_setns, "setns"},
    {SYS_pidfd_getfd, "pidfd_getfd"},
    {SYS_kill, "kill"},
    {SYS_perf_event_open, "perf_event_open"},
    {SYS_open_by_handle_at, "open_by_handle_at"},
    {SYS_init_module, "init_module"},
    {SYS_finit_module, "finit_module"},
    {SYS_setuid, "setuid"},
};
enum { N_DEADLY = sizeof DEADLY / sizeof *DEADLY };

// All that is left, in the order of their numbers, each with what needs it. read, pread64, sendmsg, recvfrom, mmap and
// mprotect are for some arguments alone and refused with those of the attack.
static const struct call LEFT[] = {
    {SYS_munmap, "munmap: free"},
    {SYS_brk, "brk: malloc"},
    {SYS_rt_sigprocmask, "rt_sigprocmask: abort"},
    {SYS_sched_yield, "sched_yield: locks of the C library"},
    {SYS_mremap, "mremap: realloc"},
    {SYS_madvise, "madvise: malloc gives pages back"},
    {SYS_getpid, "getpid: abort"},
    {SYS_gettimeofday, "gettimeofday: av_gettime where the vDSO has no clock"},
    {SYS_sigaltstack, "sigaltstack: run-time of sanitizers"},
    {SYS_gettid, "gettid: abort"},
    {SYS_time, "time: where the vDSO has no clock"},
    {SYS_futex, "futex: locks"},
    {SYS_sched_getaffinity, "sched_getaffinity: av_cpu_count"},
    {SYS_restart_syscall, "restart_syscall: the kernel's own, after SIGSTOP"},
    {SYS_clock_gettime, "clock_gettime: where the vDSO has no clock"},
    {SYS_clock_getres, "clock_getres: clocks of the C library"},
    {SYS_getrandom, "getrandom: malloc"},
};

static void
open_hijacked(const char *attack)
{
    char    library[512];
    ssize_t n = readlink("/proc/self/exe", library, 400);
    cr_assert_gt(n, 0);
    library[n] = '\0';
    memcpy(strrchr(library, '/'), "/decode_hijack.so", sizeof "/decode_hijack.so");
    cr_assert_eq(access(library, R_OK), 0, "%s", library);
    fx_open_plain();
    setenv("LD_PRELOAD", library, 1);
    setenv("KITHARA_DECODE_HIJACK", attack, 1);
    cr_assert_eq(kt_decode_server_new(&fx_server, NULL), KT_OK);
    unsetenv("LD_PRELOAD");
    unsetenv("KITHARA_DECODE_HIJACK");
    fx_wav("a.wav", 1, 16, 1, 8000, "\1\2\3\4\5\6\7\10", 8);
}

static void
hijack(const char *attack, const kt_decode_limits_t *limits, fx_decoded_t *out)
{
    open_hijacked(attack);
    fx_decode("a.wav", limits, out);
    fx_free(out);
    fx_close();
}

// What got through, or the error.
static const char *
report_of(const char *attack)
{
    static fx_decoded_t d;
    hijack(attack, &FX_LIMITS, &d);
    cr_assert_eq(d.err, KT_EFORMAT, "%s: %s: %s", attack, kt_err_name(d.err), d.why);
    return d.why;
}

Test(decode_hijack, of_all_system_calls_seventeen_are_left_and_each_is_needed, .disabled = !HIJACKED)
{
    char   attack[512] = "all:", expected[256] = "";
    size_t at = strlen(attack);
    for (size_t i = 0; i < N_DEADLY; i++)
        at += (size_t)snprintf(attack + at, sizeof attack - at, "%ld,", DEADLY[i].number);
    at = 0;
    for (size_t i = 0; i < sizeof LEFT / sizeof *LEFT; i++)
        at += (size_t)snprintf(expected + at, sizeof expected - at, "%ld ", LEFT[i].number);
    cr_expect_str_eq(report_of(attack), expected);
}

Test(decode_hijack, what_no_decoder_does_ends_the_process_at_once, .disabled = !HIJACKED)
{
    static fx_decoded_t d;
    for (size_t i = 0; i < N_DEADLY; i++) {
        char attack[32];
        (void)snprintf(attack, sizeof attack, "call:%ld", DEADLY[i].number);
        hijack(attack, &FX_LIMITS, &d);
        cr_expect_eq(d.err, KT_EDECODER, "%s: %s: %s", DEADLY[i].name, kt_err_name(d.err), d.why);
        cr_expect_str_eq(d.why, "killed for a forbidden system call", "%s: %s", DEADLY[i].name, d.why);
    }
}

#ifdef __x86_64__
Test(decode_hijack, the_numbers_of_other_instruction_sets_are_no_way_around, .disabled = !HIJACKED)
{
    static fx_decoded_t d;
    for (size_t i = 0; i < 2; i++) {
        hijack(i ? "abi:i386" : "abi:x32", &FX_LIMITS, &d);
        cr_expect_eq(d.err, KT_EDECODER, "%s: %s", kt_err_name(d.err), d.why);
        cr_expect_eq(strncmp(d.why, "killed ", 7), 0, "%s", d.why);
    }
}
#endif

Test(decode_hijack, it_uses_no_descriptor_but_its_file_and_its_socket_and_makes_no_code, .disabled = !HIJACKED)
{
    cr_expect_str_eq(report_of("descriptors"), "nothing");
    cr_expect_str_eq(report_of("code"), "nothing");
}

Test(decode_hijack, memory_of_every_kind_together_is_bounded, .disabled = !HIJACKED)
{
    const char *mb = report_of("memory");
    cr_expect_gt(atoi(mb), 256, "%s", mb);
    cr_expect_leq((uint64_t)atoi(mb), FX_LIMITS.memory_bytes >> 20, "%s", mb);
}

Test(decode_hijack, a_processor_time_limit_whose_signal_it_blocks_ends_it, .disabled = !HIJACKED)
{
    static fx_decoded_t d;
    kt_decode_limits_t  limits = FX_LIMITS;
    limits.cpu_s               = 1;
    hijack("spin", &limits, &d);
    cr_expect_eq(d.err, KT_EDECCPU, "%s: %s", kt_err_name(d.err), d.why);
}

Test(decode_hijack, descriptors_that_it_passes_are_not_kept, .disabled = !HIJACKED)
{
    static fx_decoded_t d;
    open_hijacked("pass");
    fx_decode("a.wav", &FX_LIMITS, &d);
    cr_expect_str_eq(d.why, "passed", "%s", d.why);
    const size_t before = fx_open_fds(getpid());
    for (int i = 0; i < 20; i++)
        fx_decode("a.wav", &FX_LIMITS, &d);
    cr_expect_eq(fx_open_fds(getpid()), before);
    fx_close();
}
