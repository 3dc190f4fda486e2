#include "node/run/pipeline_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 16 << 20 };

kt_err_t
kt_test_fault_inject(const kt_test_faults_t *faults, const char *path, uint64_t max_bytes)
{
    if (kt_test_faults_hit_path(faults, KT_TEST_FAULT_CRASH, path))
        abort();
    while (kt_test_faults_hit_path(faults, KT_TEST_FAULT_HANG, path))
        pause();
    if (!kt_test_faults_hit_path(faults, KT_TEST_FAULT_GROW, path))
        return KT_OK;

    void **blocks = NULL;  // each begins with the address of the one before
    for (uint64_t taken = 0; taken < 2 * max_bytes; taken += BLOCK_BYTES) {
        void **block = malloc(BLOCK_BYTES);
        if (!block)
            break;
        memset(block, 1, BLOCK_BYTES);
        *block = blocks;
        blocks = block;
    }
    while (blocks) {
        void **before = *blocks;
        free(blocks);
        blocks = before;
    }
    return KT_ENOMEM;
}
