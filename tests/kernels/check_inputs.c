#include "tests/kernels/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 32 };                         // floats on either side
static const uint32_t PATTERN = 0x7FC0BEEF;  // a NaN that no kernel makes

double check_tuning;

const char *const signal_names[SIGNALS] = {"noise", "chord", "impulse", "constant", "silence", "quiet"};

static float *
floats(size_t n)
{
    float *out = calloc(n, sizeof *out);
    if (!out) {
        fprintf(stderr, "kernel_check: out of memory\n");
        exit(1);
    }
    return out;
}

static float
noise(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (float)((double)*state / 2147483648.0 - 1);
}

static float
sample(signal_kind_t kind, size_t i, uint32_t *state)
{
    switch (kind) {
    case NOISE: return 0.3F * noise(state);
    case CHORD: return (float)(0.3 * sin(0.06 * (double)i) + 0.2 * sin(0.0893 * (double)i)) + 0.01F * noise(state);
    case IMPULSE: return i == 700 ? 1 : 0;
    case CONSTANT: return 0.5F;
    case QUIET: return 1e-18F * noise(state);
    default: return 0;
    }
}

input_t
make_input(const kt_plan_t *plan, signal_kind_t kind, size_t frames)
{
    const size_t n = plan->opts.n_fft, samples = frames ? (frames - 1) * plan->opts.hop + 1 : 0;
    input_t      self  = {.pcm = floats(samples + n)};
    uint32_t     state = 12345;
    for (size_t i = 0; i < samples; i++)
        self.pcm[n / 2 + i] = sample(kind, i, &state);
    self.span = (kt_span_t){self.pcm, frames, n / 2, n / 2 + samples};
    return self;
}

void
free_input(input_t *self)
{
    free(self->pcm);
    *self = (input_t){0};
}

guarded_t
guard_new(size_t count)
{
    guarded_t self = {floats(count + 2 * GUARD) + GUARD, count};
    for (size_t i = 0; i < count + 2 * GUARD; i++)
        memcpy(self.values - GUARD + i, &PATTERN, sizeof PATTERN);
    return self;
}

bool
guard_ok(const guarded_t *self)
{
    bool ok = true;
    for (size_t i = 0; i < GUARD; i++) {
        ok = ok && memcmp(self->values - 1 - i, &PATTERN, sizeof PATTERN) == 0;
        ok = ok && memcmp(self->values + self->count + i, &PATTERN, sizeof PATTERN) == 0;
    }
    return ok;
}

void
guard_free(guarded_t *self)
{
    free(self->values - GUARD);
    *self = (guarded_t){0};
}

void *
scratch_new(const kt_cpu_ops_t *ops, const kt_plan_t *plan)
{
    void *out = aligned_alloc(64, (ops->scratch_bytes(plan) + 63) / 64 * 64);
    if (!out) {
        fprintf(stderr, "kernel_check: out of memory\n");
        exit(1);
    }
    return out;
}

checks_t checks;

bool
check(bool holds, const char *format, ...)
{
    if (holds) {
        checks.passed++;
        return true;
    }
    checks.failed++;
    va_list args;
    va_start(args, format);
    printf("FAILED ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    return false;
}
