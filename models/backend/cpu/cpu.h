// What a benchmark sees of the inside of the CPU executor: the time of each step. exec is of kt_backend_cpu, any
// instruction set but "ref". Any thread.
#pragma once

#include "models/backend/backend.h"

size_t      kt_cpu_steps(const kt_exec_t *exec);
const char *kt_cpu_step_name(const kt_exec_t *exec, size_t step);
// As kt_exec_run; adds each step's milliseconds to ms[steps].
KT_MUST_USE kt_err_t kt_cpu_profile(const kt_exec_t *exec, void *arena, const float *const *inputs,
                                    float *const *outputs, double *ms);
