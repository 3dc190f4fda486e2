#include "node/decoder/walls/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The attribute as of ABI 6 (linux/landlock.h of Linux 6.12), whose later members this system's headers lack. A kernel
// of an older ABI takes a shorter structure.
typedef struct attribute {
    uint64_t files, network, scopes;
} attribute_t;

// Rights by ABI: linux/landlock.h, LANDLOCK_ACCESS_FS_*: 13 bits in ABI 1, then REFER, TRUNCATE, and IOCTL_DEV in 5.
static uint64_t
file_rights(long abi)
{
    static const int BITS[] = {0, 13, 14, 15, 15, 16};
    const long       last   = (long)(sizeof BITS / sizeof *BITS) - 1;
    return (UINT64_C(1) << BITS[abi < last ? abi : last]) - 1;
}

enum { CREATE_VERSION = 1, BIND_AND_CONNECT = 3, SOCKETS_AND_SIGNALS = 3, WITH_NETWORK = 4, WITH_SCOPES = 6 };

bool
kt_landlock_deny_all(void)
{
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    if (abi < 1)
        return false;
    const attribute_t attribute = {.files   = file_rights(abi),
                                   .network = abi >= WITH_NETWORK ? BIND_AND_CONNECT : 0,
                                   .scopes  = abi >= WITH_SCOPES ? SOCKETS_AND_SIGNALS : 0};
    const size_t      bytes     = abi >= WITH_SCOPES    ? sizeof attribute
                                  : abi >= WITH_NETWORK ? 2 * sizeof(uint64_t)
                                                        : sizeof(uint64_t);
    const int         rules     = (int)syscall(SYS_landlock_create_ruleset, &attribute, bytes, 0);
    if (rules < 0)
        return false;
    const bool good = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return good;
}
