// kt_schema -- JSON Schemas (2020-12) of the input and the output message, from the tables that read and check them.
// Any thread.
#pragma once

#include "common/json.h"

// NULL: out of memory. The caller frees them.
json_t *kt_schema_input(void);
json_t *kt_schema_output(void);
