#include "common/fault.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

enum { ITEM_BYTES = 160, SHOWN_BYTES = 80 };

typedef enum argument { WORD, SIZE_OR_NONE, NOOP_SIZE_OR_NONE } argument_t;

static const struct {
    kt_test_fault_site_t site;
    const char          *name;
    kt_test_fault_kind_t kind;
    argument_t           argument;
} KINDS[] = {
    {KT_TEST_FAULT_IN_ANALYSIS, "crash", KT_TEST_FAULT_CRASH, WORD},
    {KT_TEST_FAULT_IN_ANALYSIS, "hang", KT_TEST_FAULT_HANG, WORD},
    {KT_TEST_FAULT_IN_ANALYSIS, "grow", KT_TEST_FAULT_GROW, WORD},
    {KT_TEST_FAULT_IN_ANALYSIS, "noop", KT_TEST_FAULT_NOOP, NOOP_SIZE_OR_NONE},
    {KT_TEST_FAULT_IN_DECODER, "crash", KT_TEST_FAULT_CRASH, SIZE_OR_NONE},
    {KT_TEST_FAULT_IN_DECODER, "hang", KT_TEST_FAULT_HANG, SIZE_OR_NONE},
    {KT_TEST_FAULT_IN_DECODER, "grow", KT_TEST_FAULT_GROW, SIZE_OR_NONE},
    {KT_TEST_FAULT_IN_DECODER, "spin", KT_TEST_FAULT_SPIN, SIZE_OR_NONE},
    {KT_TEST_FAULT_IN_DECODER, "forbidden", KT_TEST_FAULT_FORBIDDEN, SIZE_OR_NONE},
};

enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static const char *const PERMITTED[] = {
    [KT_TEST_FAULT_IN_ANALYSIS] = "crash:WORD, hang:WORD, grow:WORD, noop, noop:BYTES (256 to 32768)",
    [KT_TEST_FAULT_IN_DECODER]  = "crash, hang, grow, spin, forbidden, each alone or with :BYTES",
};

// NAME or NAME:ARGUMENT. Modifies the item.
static kt_err_t
parse_item(kt_test_faults_t *out, kt_test_fault_site_t site, char *item)
{
    size_t  row      = 0;
    int64_t bytes    = 0;
    char   *argument = strchr(item, ':');
    if (argument)
        *argument++ = '\0';
    while (row < N_KINDS && (KINDS[row].site != site || strcmp(KINDS[row].name, item) != 0))
        row++;
    if (row == N_KINDS)
        return KT_EINVAL;

    argument_t type = KINDS[row].argument;
    int64_t    min  = type == NOOP_SIZE_OR_NONE ? KT_NOOP_BYTES_MIN : 1;
    int64_t    max  = type == NOOP_SIZE_OR_NONE ? KT_NOOP_BYTES_MAX : INT64_MAX;
    if (type != WORD && argument && kt_text_to_i64(argument, min, max, &bytes))
        return KT_EINVAL;
    if (type == NOOP_SIZE_OR_NONE) {
        out->noop       = true;
        out->noop_bytes = (uint32_t)bytes;
        return KT_OK;
    }
    if (out->n == KT_TEST_FAULTS_MAX)
        return KT_EINVAL;
    kt_test_fault_t *fault = &out->list[out->n];
    *fault                 = (kt_test_fault_t){.kind = KINDS[row].kind, .bytes = (uint64_t)bytes};
    if (type == WORD && (!argument || !*argument || !kt_text_copy(fault->word, sizeof fault->word, argument)))
        return KT_EINVAL;
    out->n++;
    return KT_OK;
}

bool
kt_test_faults_built(void)
{
#ifdef KT_TEST_FAULTS
    return true;
#else
    return false;
#endif
}

kt_err_t
kt_test_faults_parse(kt_test_faults_t *out, kt_test_fault_site_t site, const char *text, char why[KT_TEST_FAULT_WHY])
{
    kt_test_faults_t faults = {0};
    if (*text && !kt_test_faults_built()) {
        snprintf(why, KT_TEST_FAULT_WHY, "this build has no test faults");
        return KT_EINVAL;
    }
    for (const char *at = *text ? text : NULL; at;) {
        char   item[ITEM_BYTES], shown[SHOWN_BYTES];
        size_t length = strcspn(at, ",");
        snprintf(item, sizeof item, "%.*s", (int)length, at);
        if (length >= sizeof item || parse_item(&faults, site, item)) {
            kt_text_sanitize(shown, sizeof shown, at, length);
            snprintf(why, KT_TEST_FAULT_WHY, "\"%s\" is none of %s; at most %d", shown, PERMITTED[site],
                     KT_TEST_FAULTS_MAX);
            return KT_EINVAL;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    *out = faults;
    return KT_OK;
}

bool
kt_test_faults_hit_path(const kt_test_faults_t *self, kt_test_fault_kind_t kind, const char *path)
{
    for (size_t i = 0; i < self->n; i++)
        if (self->list[i].kind == kind && strstr(path, self->list[i].word))
            return true;
    return false;
}

bool
kt_test_faults_hit_size(const kt_test_faults_t *self, kt_test_fault_kind_t kind, uint64_t bytes)
{
    for (size_t i = 0; i < self->n; i++)
        if (self->list[i].kind == kind && (self->list[i].bytes == 0 || self->list[i].bytes == bytes))
            return true;
    return false;
}
