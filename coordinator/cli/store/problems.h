// kt_problems -- the files of a run that are not whole: failures and successes with warnings, as a table with the
// reason and what to do, and counted by kind. Main thread.
#pragma once

#include "common/json.h"
#include "coordinator/cli/cli.h"

#include <stdint.h>
#include <stdio.h>

typedef enum kt_problem {
    KT_PROBLEM_INCOMPLETE,  // ETRUNCATED
    KT_PROBLEM_DAMAGED,     // EDAMAGED
    KT_PROBLEM_PROTECTED,   // EPROTECTED
    KT_PROBLEM_FAILED,      // any other error
    KT_PROBLEM_WARNING,     // success, with warnings
    KT_PROBLEMS
} kt_problem_t;

typedef struct kt_problems kt_problems_t;

KT_MUST_USE kt_err_t kt_problems_new(kt_problems_t **self_p, const kt_cli_t *cli);
void                 kt_problems_destroy(kt_problems_t **self_p);
void                 kt_problems_add(kt_problems_t *self, const json_t *document);  // an output message
// The table, of which the first 200 are listed, and the parts of the sums of failed and analysed files: "of the failed
// 2 incomplete, 1 for other reasons; 3 of the analysed with warnings"; "" where they would say no more than the sums.
kt_err_t    kt_problems_print(kt_problems_t *self, FILE *out);
const char *kt_problems_text(const kt_problems_t *self, char *out, size_t capacity);
