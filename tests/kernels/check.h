// What the files of kernel_check share.
#pragma once

#include "kernels/audio/plan.h"
#include "kernels/isa.h"

typedef enum tolerance {
#define KT_TOLERANCE(what, limit, why) TOLERANCE_##what,
#include "tests/kernels/tolerances.def"
#undef KT_TOLERANCE
    TOLERANCES
} tolerance_t;

// A stream of samples as the kernels get it: half a frame of zeros at both ends. Ends the program if memory is out.
typedef struct input {
    float    *pcm;
    kt_span_t span;
} input_t;
typedef enum signal_kind { NOISE, CHORD, IMPULSE, CONSTANT, SILENCE, QUIET, SIGNALS } signal_kind_t;
extern const char *const signal_names[SIGNALS];

input_t make_input(const kt_plan_t *plan, signal_kind_t kind, size_t frames);
void    free_input(input_t *self);

// The tuning of the chroma bank in use, for kernels that make its weights themselves.
extern double check_tuning;

// Memory between two guard bands; guard_ok is false once anything outside was written.
typedef struct guarded {
    float *values;
    size_t count;
} guarded_t;
guarded_t guard_new(size_t count);
bool      guard_ok(const guarded_t *self);
void      guard_free(guarded_t *self);

void *scratch_new(const kt_cpu_ops_t *ops, const kt_plan_t *plan);  // ends the program if memory is out

// One line a failure, counted. Returns its condition.
typedef struct checks {
    unsigned passed, failed;
} checks_t;
extern checks_t checks;
bool            check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

void check_rows(const kt_cpu_ops_t *ops);   // check_rows.c: first pass, second pass, rows of a segment
void check_edges(const kt_cpu_ops_t *ops);  // check_edges.c: grouping, NaN and Inf
void check_cqt(const kt_cpu_ops_t *ops);    // check_cqt.c: an octave of the constant-Q transform

// check_images.c: statistics of pictures by `run`, whose `out` is zeros before; without `all` a single size.
typedef void image_stats_fn(const void *context, const kt_image_span_t *span, kt_image_stats_t *out);
void         check_images(const char *isa, image_stats_fn *run, const void *context, bool all);
// Large pictures with every kind of colour, too many pixels for the simulated GPU.
void check_image_colours(const char *isa, image_stats_fn *run, const void *context);
void check_light_images(const char *isa, const kt_image_ops_t *ops);  // every colour too, of the plain reference

void check_blocks(const char *isa, const kt_block_ops_t *ops);  // check_blocks.c: blocks of two pictures
void check_rgb(const char *isa, const kt_rgb_ops_t *ops);       // and Y, U, V to RGB

void bench(const char *isa);  // check_bench.c: NULL for every instruction set
