// Checks of JSON members that readers of a header share. Any thread.
#pragma once

#include "common/json.h"

// The first member whose name is not in the list, which ends with NULL; NULL: none.
const char *kt_members_unknown(const json_t *object, const char *const *known);
// A name of 1 to 63 bytes; else NULL.
const char *kt_members_name(const json_t *value);
