#include "coordinator/ledger/postgres/postgres.h"

#include <string.h>

kt_err_t
kt_pg_state_err(const char *state)
{
    static const struct {
        const char *prefix;
        kt_err_t    err;
    } ROWS[] = {
#define KT_STATE(prefix, err) {prefix, KT_##err},
#include "coordinator/ledger/postgres/state.def"
#undef KT_STATE
    };
    kt_err_t err     = KT_EIO;
    size_t   longest = 0;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        size_t length = strlen(ROWS[i].prefix);
        if (length > longest && strncmp(state, ROWS[i].prefix, length) == 0) {
            err     = ROWS[i].err;
            longest = length;
        }
    }
    return err;
}
