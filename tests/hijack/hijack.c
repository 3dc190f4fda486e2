// A decoder's child in the hands of an attacker, for tests/unit/node/decode/hijack_test.c: preloaded into
// kithara-decode, it takes the place of the function that opens a container, which each child calls behind all of its
// walls. KITHARA_DECODE_HIJACK names the attack. Its report, what got through, is the text of a FAULT record.
#include "node/decode/protocol.h"
#include "node/decoder/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLS = 512, FDS = 64, BLOCK_BYTES = 1 << 20, X32_GETPID = 0x40000000 + 39, I386_GETPID = 20 };

static char attack[512];  // read before the first fork
static char report[KT_WHY_BYTES];

__attribute__((constructor)) static void
read_attack(void)
{
    const char *text = getenv("KITHARA_DECODE_HIJACK");
    if (text)
        (void)snprintf(attack, sizeof attack, "%s", text);
}

__attribute__((format(printf, 1, 2))) static void
got_through(const char *format, ...)
{
    const size_t at = strlen(report);
    va_list      arguments;
    va_start(arguments, format);
    (void)vsnprintf(report + at, sizeof report - at, format, arguments);
    va_end(arguments);
}

static _Noreturn void
send_report(void)
{
    kt_decode_record_t record = {.kind = KT_DECODE_FAULT, .code = KT_EFORMAT};
    struct iovec       part   = {.iov_base = &record, .iov_len = sizeof record};
    struct msghdr      msg    = {.msg_iov = &part, .msg_iovlen = 1};
    (void)snprintf(record.why, sizeof record.why, "%s", *report ? report : "nothing");
    (void)!sendmsg(KT_CHILD_CONTROL_FD, &msg, MSG_NOSIGNAL);
    _exit(0);
}

// The numbers of all calls that are not refused outright. Arguments of -1 are no descriptor, address or size. Those
// that end the process are tested one by one; exit, exit_group and rt_sigreturn end it as they should, uretprobe and
// uprobe (Linux 6.11, 6.18: not filtered, SIGILL outside of the kernel's own trampoline) by themselves.
static void
try_all_calls(char *deadly)
{
    bool skip[CALLS] = {
        [SYS_exit] = true, [SYS_exit_group] = true, [SYS_rt_sigreturn] = true, [335] = true, [336] = true};
    for (char *at = strtok(deadly, ","); at; at = strtok(NULL, ","))
        skip[atoi(at) % CALLS] = true;
    for (long number = 0; number < CALLS; number++) {
        if (skip[number])
            continue;
        errno = 0;
        if (syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) != -1 || errno != EPERM)
            got_through("%ld ", number);
    }
}

static void
try_descriptors(void)
{
    char          byte = 0;
    struct iovec  part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg  = {.msg_iov = &part, .msg_iovlen = 1};
    for (int fd = 0; fd < FDS; fd++) {
        if (fd != KT_CHILD_MEDIA_FD && (pread(fd, &byte, 1, 0) != -1 || errno != EPERM))
            got_through("pread(%d) ", fd);
        if (fd != KT_CHILD_MEDIA_FD && (read(fd, &byte, 1) != -1 || errno != EPERM))
            got_through("read(%d) ", fd);
        if (fd != KT_CHILD_CONTROL_FD && (sendmsg(fd, &msg, MSG_DONTWAIT) != -1 || errno != EPERM))
            got_through("sendmsg(%d) ", fd);
        if (fd != KT_CHILD_CONTROL_FD && (recv(fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != EPERM))
            got_through("recv(%d) ", fd);
    }
}

static void
try_code(void)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    void     *page      = mmap(NULL, 4096, PROT_READ | PROT_WRITE, anonymous, -1, 0);
    if (page == MAP_FAILED)
        got_through("no page to try with ");
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0)
        got_through("mprotect(EXEC) ");
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, anonymous, -1, 0) != MAP_FAILED)
        got_through("mmap(EXEC) ");
    if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, KT_CHILD_MEDIA_FD, 0) != MAP_FAILED)
        got_through("mmap(file) ");
    void *code = (void *)((uintptr_t)try_code & ~(uintptr_t)4095);
    if (mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0)
        got_through("mprotect(code) ");
}

// Megabytes that can be had in every way; the address space is bounded for all of them together.
static void
try_memory(void)
{
    static const int KINDS[] = {MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE | MAP_NORESERVE, MAP_PRIVATE | MAP_GROWSDOWN};
    size_t           mb      = 0;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        volatile char *block;
        while ((block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, KINDS[i] | MAP_ANONYMOUS, -1, 0)) !=
               MAP_FAILED) {
            *block = 1;
            if (mb == 0 && mremap((void *)block, BLOCK_BYTES, (size_t)1 << 40, MREMAP_MAYMOVE) != MAP_FAILED)
                got_through("mremap ");
            mb++;
        }
    }
    got_through("%zu", mb);
}

// Descriptors of its own that the other side might keep.
static void
try_passing(void)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    const int          fd     = KT_CHILD_MEDIA_FD;
    kt_decode_record_t record = {.kind = KT_DECODE_FAULT, .code = KT_EFORMAT, .why = "passed"};
    struct iovec       part   = {.iov_base = &record, .iov_len = sizeof record};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    *CMSG_FIRSTHDR(&msg) =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof fd);
    if (sendmsg(KT_CHILD_CONTROL_FD, &msg, MSG_NOSIGNAL) < 0)
        send_report();
    _exit(0);
}

static void
spin_with_signals_blocked(void)
{
    sigset_t all;
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    for (volatile unsigned turns = 0;;)  // NOLINT(bugprone-infinite-loop): it is the attack
        turns++;
}

static void
call_of_another_abi(const char *name)
{
#ifdef __x86_64__
    if (!strcmp(name, "x32"))
        (void)syscall(X32_GETPID);
    long number = I386_GETPID;
    if (!strcmp(name, "i386"))
        __asm__ volatile("int $0x80" : "+a"(number) : : "memory");
#else
    (void)name;
#endif
    got_through("%s", name);
}

int avformat_open_input(void **context, const char *url, const void *format, void **options);

int
avformat_open_input(void **context, const char *url, const void *format, void **options)
{
    (void)context, (void)url, (void)format, (void)options;
    if (!strncmp(attack, "all:", 4))
        try_all_calls(attack + 4);
    else if (!strncmp(attack, "call:", 5))
        got_through("%ld", syscall(atoi(attack + 5), -1L, -1L, -1L, -1L, -1L, -1L));
    else if (!strncmp(attack, "abi:", 4))
        call_of_another_abi(attack + 4);
    else if (!strcmp(attack, "descriptors"))
        try_descriptors();
    else if (!strcmp(attack, "code"))
        try_code();
    else if (!strcmp(attack, "memory"))
        try_memory();
    else if (!strcmp(attack, "pass"))
        try_passing();
    else if (!strcmp(attack, "spin"))
        spin_with_signals_blocked();
    send_report();
}
