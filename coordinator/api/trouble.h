// Why a coordinator is not healthy. Pure.
#pragma once

#include "coordinator/loop/calls.h"

typedef struct json_t json_t;

const char *kt_api_fault(const kt_snapshot_t *seen);     // why it does no work at all; NULL: it can
json_t     *kt_api_troubles(const kt_snapshot_t *seen);  // that and everything less; an array of sentences

// A stored result that somebody changed, so that it is no JSON object.
#define KT_API_DAMAGED "the stored result is no message: `kithara audit` names it, and the job can be done again"
