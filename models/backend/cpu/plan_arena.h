// Static memory plan of the CPU executor.
#pragma once

#include "models/backend/cpu/exec.h"

// Sets the offset of each buffer of the arena, and arena_bytes. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_plan_arena(kt_cpu_exec_t *exec);
