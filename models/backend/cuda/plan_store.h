// Plans in a folder: one file a plan, named by the digest of its key, {"key", "engine", "workspace_bytes", "plan"}.
// A file appears whole or not at all, so several processes may share the folder. Any thread.
#pragma once

#include "models/backend/cuda/plan.h"

// False: there is no valid file with this key; *out is unchanged.
bool                 kt_plan_store_read(const char *folder, const char *key, kt_cudnn_plan_t *out);
KT_MUST_USE kt_err_t kt_plan_store_write(const char *folder, const char *key, const kt_cudnn_plan_t *plan);
