// The constant-Q transform's two kernels, fast against reference. The filter between octaves; one octave: transforms
// from 256 to 2048, hops of every octave, any number of frames.
#include "kernels/audio/cqt_basis.h"
#include "tests/kernels/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double limits[TOLERANCES] = {
#define KT_TOLERANCE(what, limit, why) limit,
#include "tests/kernels/tolerances.def"
#undef KT_TOLERANCE
};

static const struct {
    uint32_t rate_hz, hop, n_fft;
} settings[]                  = {{22050, 512, 1024}, {8500, 64, 256}, {16000, 256, 512}, {44100, 64, 2048}};
static const size_t lengths[] = {0, 1, 3, 15, 16, 17};
static const size_t hops[]    = {1, 8, 512};

static void
compare(const kt_cpu_ops_t *ops, const kt_cqt_basis_t *basis, void *scratch, size_t hop, size_t frames,
        signal_kind_t kind)
{
    const kt_frontend_opts_t *own  = &basis->transform->opts;
    const kt_frontend_opts_t  opts = {own->rate_hz, own->n_fft, (uint32_t)hop, 1, 1, KT_CQT_CLASSES};
    kt_plan_t                *plan = NULL;
    if (!check(kt_plan_new(&plan, &opts) == KT_OK, "cqt: plan"))
        return;
    input_t   input = make_input(plan, kind, frames);
    guarded_t fast = guard_new(frames * KT_CQT_CLASSES), ref = guard_new(fast.count);
    double    worst = 0, largest = 1e-37;
    memset(fast.values, 0, fast.count * sizeof(float));  // an octave is added to what is there
    memset(ref.values, 0, ref.count * sizeof(float));
    ops->cqt_octave(basis, scratch, input.span.pcm, hop, frames, 1.5F, fast.values);
    kt_cpu_ops_ref.cqt_octave(basis, NULL, input.span.pcm, hop, frames, 1.5F, ref.values);
    for (size_t i = 0; i < ref.count; i++) {
        const double difference = fabs((double)fast.values[i] - ref.values[i]);
        worst                   = difference >= worst ? difference : isnan(difference) ? INFINITY : worst;
        largest                 = fmax(largest, ref.values[i]);
    }
    // A constant has nothing in the octave: what is left is the rounding of the transform of the constant itself.
    const double scale = kind == CONSTANT ? fmax(largest, 0.1) : largest;
    check(worst <= limits[TOLERANCE_CQT] * scale, "%s cqt: %s of %zu frames, n_fft %u, hop %zu: off by %g of %g",
          ops->isa, signal_names[kind], frames, own->n_fft, hop, worst, largest);
    check(guard_ok(&fast), "%s cqt: %zu frames: wrote outside its rows", ops->isa, frames);
    guard_free(&fast);
    guard_free(&ref);
    free_input(&input);
    kt_plan_destroy(&plan);
}

static void
compare_halves(const kt_cpu_ops_t *ops, const kt_half_band_t *half_band, void *scratch, const kt_plan_t *plan,
               size_t blocks, signal_kind_t kind)
{
    const size_t frames = (blocks * KT_HALF_BAND_STEP + KT_HALF_BAND_N_FFT) / plan->opts.hop + 1;
    input_t      input  = make_input(plan, kind, frames);
    guarded_t    fast = guard_new(blocks * KT_HALF_BAND_OUT), ref = guard_new(fast.count);
    double       worst = 0, largest = 1e-37;
    ops->decimate(half_band, scratch, input.span.pcm, blocks, fast.values);
    kt_cpu_ops_ref.decimate(half_band, NULL, input.span.pcm, blocks, ref.values);
    for (size_t i = 0; i < ref.count; i++) {
        const double difference = fabs((double)fast.values[i] - ref.values[i]);
        worst                   = difference >= worst ? difference : isnan(difference) ? INFINITY : worst;
        largest                 = fmax(largest, fabs(ref.values[i]));
    }
    check(worst <= limits[TOLERANCE_HALF_BAND] * largest, "%s half_band: %s of %zu blocks: off by %g of %g", ops->isa,
          signal_names[kind], blocks, worst, largest);
    check(guard_ok(&fast), "%s half_band: %zu blocks: wrote outside its rows", ops->isa, blocks);
    guard_free(&fast);
    guard_free(&ref);
    free_input(&input);
}

static void
check_halving(const kt_cpu_ops_t *ops)
{
    const kt_frontend_opts_t opts      = {22050, 2048, 512, 1, 1, KT_CQT_CLASSES};
    kt_plan_t               *plan      = NULL;
    kt_half_band_t           half_band = {0};
    void                    *scratch   = aligned_alloc(64, KT_HALF_BAND_SCRATCH_BYTES);
    if (check(scratch && kt_plan_new(&plan, &opts) == KT_OK && kt_half_band_init(&half_band) == KT_OK,
              "half_band: memory"))
        for (size_t blocks = 0; blocks <= 17; blocks += blocks < 5 ? 1 : 4)
            for (signal_kind_t kind = 0; kind < SIGNALS; kind++)
                compare_halves(ops, &half_band, scratch, plan, blocks, kind);
    free(scratch);
    kt_half_band_fini(&half_band);
    kt_plan_destroy(&plan);
}

void
check_cqt(const kt_cpu_ops_t *ops)
{
    check_halving(ops);
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        kt_cqt_basis_t basis = {0};
        if (!check(kt_cqt_basis_fill(&basis, settings[s].rate_hz, settings[s].hop, -0.13) == KT_OK, "cqt: basis"))
            continue;
        check(basis.transform->opts.n_fft == settings[s].n_fft, "cqt: n_fft %u", basis.transform->opts.n_fft);
        void *scratch = scratch_new(ops, basis.transform);
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (size_t h = 0; h < sizeof hops / sizeof *hops; h++)
                for (signal_kind_t kind = 0; kind < SIGNALS; kind++)
                    compare(ops, &basis, scratch, hops[h], lengths[l], kind);
        free(scratch);
        kt_cqt_basis_fini(&basis);
    }
}
