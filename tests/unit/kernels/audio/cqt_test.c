// Signals whose chroma is known from their formula, with the best instruction set and with the reference. Equality of
// the two is kernel_check's, equality with librosa the golden test's.
#include "kernels/audio/cqt_basis.h"
#include "kernels/audio/resample.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/stream.h"

#include <math.h>
#include <string.h>

static const char *const sets[] = {"", "ref"};
#define FOR_BOTH_SETS for (size_t set = 0; set < 2 && (stream_isa = sets[set]); set++)

static const double PI    = 3.14159265358979323846;
static const double C1_HZ = 32.70319566257483;

static float *
tone(double hz, uint32_t rate_hz, size_t n)
{
    float *out = calloc(n + 1, sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(0.5 * sin(2 * PI * hz * (double)i / rate_hz));
    return out;
}

static float *
chroma_of(uint32_t rate_hz, uint32_t hop, double tuning, const float *pcm, size_t n)
{
    kt_cqt_t    *cqt    = NULL;
    const size_t frames = 1 + n / hop;
    float       *out    = calloc(frames * KT_CQT_CLASSES, sizeof *out);
    cr_assert_eq(kt_cqt_new(&cqt, kt_isa(stream_isa)->rows, rate_hz, hop), KT_OK);
    cr_assert_eq(kt_cqt_chroma(cqt, tuning, pcm, n, frames, out), KT_OK);
    kt_cqt_destroy(&cqt);
    cr_assert_null(cqt);
    return out;
}

// The class of the tone is the frame's largest, and its neighbours are far below.
static void
expect_class(const float *row, unsigned wanted, double hz)
{
    for (unsigned c = 0; c < KT_CQT_CLASSES; c++)
        if (c == wanted)
            cr_assert_float_eq(row[c], 1, 1e-6, "%g Hz is not class %u", hz, wanted);
        else
            cr_assert_lt(row[c], 0.35F, "%g Hz has %g in class %u", hz, (double)row[c], c);
}

Test(cqt, a_tone_is_its_class_in_every_octave)
{
    enum { N = 4 * 22050 };
    for (unsigned octave = 0; octave < KT_CQT_OCTAVES; octave++)
        for (unsigned c = 0; c < KT_CQT_CLASSES; c += 3) {
            const double hz  = C1_HZ * exp2(octave + c / 12.0);
            float       *pcm = tone(hz, 22050, N), *rows = chroma_of(22050, 512, 0, pcm, N);
            expect_class(rows + N / 1024 * KT_CQT_CLASSES, c, hz);
            free(pcm);
            free(rows);
        }
}

Test(cqt, the_reference_names_the_same_class)
{
    enum { N = 22050 };
    stream_isa = "ref";
    float *pcm = tone(440, 22050, N), *rows = chroma_of(22050, 512, 0, pcm, N);
    expect_class(rows + N / 1024 * KT_CQT_CLASSES, 9, 440);
    free(pcm);
    free(rows);
}

Test(cqt, the_tuning_moves_the_grid)
{
    enum { N = 2 * 22050, FRAME = N / 1024 * KT_CQT_CLASSES };
    const double between = 440 * exp2(1.5 / 36);  // half way from A to A sharp
    float       *pcm     = tone(between, 22050, N);
    float       *low = chroma_of(22050, 512, -0.5, pcm, N), *high = chroma_of(22050, 512, 0.49, pcm, N);
    cr_assert_gt(low[FRAME + 10], low[FRAME + 9]);
    cr_assert_gt(high[FRAME + 9], high[FRAME + 10]);
    free(pcm);
    free(low);
    free(high);
}

Test(cqt, the_object_may_be_used_again_with_another_tuning)
{
    enum { N = 30000, FRAMES = 1 + N / 512, BYTES = FRAMES * KT_CQT_CLASSES * sizeof(float) };
    kt_cqt_t *cqt = NULL;
    float    *pcm = tone(300, 22050, N), first[FRAMES * KT_CQT_CLASSES], again[FRAMES * KT_CQT_CLASSES];
    cr_assert_eq(kt_cqt_new(&cqt, kt_isa(stream_isa)->rows, 22050, 512), KT_OK);
    cr_assert_eq(kt_cqt_chroma(cqt, 0.2, pcm, N, FRAMES, first), KT_OK);
    cr_assert_eq(kt_cqt_chroma(cqt, -0.3, pcm, N, FRAMES, again), KT_OK);
    cr_assert_neq(memcmp(first, again, BYTES), 0);
    cr_assert_eq(kt_cqt_chroma(cqt, 0.2, pcm, N, FRAMES, again), KT_OK);
    cr_assert_eq(memcmp(first, again, BYTES), 0);
    kt_cqt_destroy(&cqt);
    kt_cqt_destroy(&cqt);  // idempotent
    free(pcm);
}

Test(cqt, silence_has_no_chroma_and_no_centroid)
{
    FOR_BOTH_SETS
    {
        enum { N = 5000, FRAMES = 1 + N / 512 };
        float *pcm = calloc(N, sizeof *pcm), *rows = chroma_of(22050, 512, 0, pcm, N);
        float  centroids[FRAMES * KT_TONNETZ];
        kt_tonnetz(rows, FRAMES, centroids);
        for (size_t i = 0; i < FRAMES * KT_CQT_CLASSES; i++)
            cr_assert_eq(rows[i], 0);
        for (size_t i = 0; i < FRAMES * KT_TONNETZ; i++)
            cr_assert_eq(centroids[i], 0);
        free(pcm);
        free(rows);
    }
}

Test(cqt, one_sample_and_no_sample_are_enough)
{
    const float one  = 0.5F;
    float      *rows = chroma_of(22050, 512, 0, &one, 1), *none = chroma_of(22050, 512, 0, &one, 0);
    float       largest = 0;
    for (size_t c = 0; c < KT_CQT_CLASSES; c++) {
        cr_assert(rows[c] >= 0 && rows[c] <= 1);
        cr_assert_eq(none[c], 0);
        largest = fmaxf(largest, rows[c]);
    }
    cr_assert_eq(largest, 1);
    free(rows);
    free(none);
}

// A higher rate is halved first, so that the same sound has nearly the same chroma.
Test(cqt, a_doubled_rate_and_hop_give_the_same_chroma)
{
    enum { N = 2 * 22050 };
    float *slow = tone(740, 22050, N), *fast = tone(740, 44100, 2 * N);
    float *a = chroma_of(22050, 512, 0, slow, N), *b = chroma_of(44100, 1024, 0, fast, 2 * N);
    for (size_t i = 40 * KT_CQT_CLASSES; i < 46 * KT_CQT_CLASSES; i++)
        cr_assert_float_eq(a[i], b[i], 2e-3);
    free(slow);
    free(fast);
    free(a);
    free(b);
}

// Lengths around the cascade's blocks and groups: a frame does not depend on how many follow.
Test(cqt, a_longer_stream_has_the_same_first_frames)
{
    enum { N = 12 * 8192, LONGER = N + 3 * 22050, SAME = 100 * KT_CQT_CLASSES };
    float *pcm    = tone(880, 22050, LONGER);
    float *longer = chroma_of(22050, 512, 0, pcm, LONGER);
    for (size_t n = N - 1; n <= N + 1; n++) {
        float *rows = chroma_of(22050, 512, 0, pcm, n);
        for (size_t i = 0; i < SAME; i++)
            cr_assert_float_eq(rows[i], longer[i], 2e-3, "value %zu of %zu samples", i, n);
        free(rows);
    }
    free(pcm);
    free(longer);
}

Test(cqt, what_is_not_defined_is_refused)
{
    kt_cqt_t *cqt = NULL;
    cr_assert_eq(kt_cqt_new(&cqt, kt_isa(stream_isa)->rows, 8000, 512), KT_EINVAL);
    cr_assert_eq(kt_cqt_new(&cqt, kt_isa(stream_isa)->rows, 22050, 500), KT_EINVAL);
    cr_assert_eq(kt_cqt_new(&cqt, kt_isa(stream_isa)->rows, 22050, 0), KT_EINVAL);
    cr_assert_null(cqt);
    cr_assert(kt_cqt_is_defined(8412, 64));
    cr_assert(!kt_cqt_is_defined(8411, 64));
    cr_assert(kt_cqt_is_defined(768000, 4096));
    cr_assert(!kt_cqt_is_defined(768000, 64));  // a wavelet of 19,000 samples
}

Test(cqt, rows_are_sparse_and_lie_around_their_frequency)
{
    kt_cqt_basis_t basis = {0};
    cr_assert_eq(kt_cqt_basis_fill(&basis, 22050, 512, 0), KT_OK);
    cr_assert_eq(basis.transform->opts.n_fft, 1024);
    cr_assert_eq(basis.decimations, 0);
    for (unsigned r = 0; r < KT_CQT_PER_OCTAVE; r++) {
        const kt_cqt_row_t *row    = &basis.row[r];
        const double        centre = C1_HZ * exp2(6 + r / 36.0) * 1024 / 22050;
        cr_assert_leq(row->first + row->count, basis.count);
        cr_assert_lt(row->count, 40);
        cr_assert_lt(basis.first + row->first, centre);
        cr_assert_gt(basis.first + row->first + row->count, centre);
    }
    cr_assert_eq(kt_cqt_basis_fill(&basis, 96000, 1024, 0), KT_OK);
    cr_assert_eq(basis.decimations, 3 - 1);
    kt_cqt_basis_fini(&basis);
    kt_cqt_basis_fini(&basis);
}

// Noise through the filter and through libsoxr, from the first sample (the zeros before it included) on.
Test(cqt, halving_is_libsoxrs)
{
    enum { BLOCKS = 5, OUT = BLOCKS * KT_HALF_BAND_OUT, N = 2 * OUT + KT_HALF_BAND_N_FFT };
    kt_half_band_t half_band;
    kt_resample_t *soxr = NULL;
    float         *pcm = calloc(N + KT_HALF_BAND_LEAD, sizeof *pcm), *ours = calloc(OUT, sizeof *ours);
    float         *theirs  = calloc(N, sizeof *theirs);
    void          *scratch = aligned_alloc(64, KT_HALF_BAND_SCRATCH_BYTES);
    size_t         made    = 0;
    uint32_t       state   = 7;
    for (size_t i = 0; i < N; i++) {
        state                      = state * 1664525U + 1013904223U;
        pcm[KT_HALF_BAND_LEAD + i] = (float)(state >> 8) / 16777216.0F - 0.5F;
    }
    cr_assert_eq(kt_half_band_init(&half_band), KT_OK);
    cr_assert_eq(kt_resample_new(&soxr, 2000, 1000), KT_OK);
    cr_assert_eq(kt_resample_push(soxr, pcm + KT_HALF_BAND_LEAD, N, theirs, N, &made), KT_OK);
    cr_assert_geq(made, OUT / 2);
    for (size_t set = 0; set < 2; set++) {
        kt_isa(sets[set])->rows->decimate(&half_band, scratch, pcm, BLOCKS, ours);
        for (size_t i = 0; i < OUT / 2; i++)
            cr_assert_float_eq(ours[i], theirs[i], 1e-6, "sample %zu", i);
    }
    kt_resample_destroy(&soxr);
    kt_half_band_fini(&half_band);
    free(pcm);
    free(ours);
    free(theirs);
    free(scratch);
}

Test(cqt, one_class_lies_on_the_circles_of_the_tonal_centroid)
{
    for (size_t c = 0; c < KT_CQT_CLASSES; c++) {
        float chroma[KT_CQT_CLASSES] = {0}, out[KT_TONNETZ];
        chroma[c]                    = 0.25F;  // only the shape counts
        kt_tonnetz(chroma, 1, out);
        cr_assert_float_eq(hypot(out[0], out[1]), 1, 1e-6);
        cr_assert_float_eq(hypot(out[2], out[3]), 1, 1e-6);
        cr_assert_float_eq(hypot(out[4], out[5]), 0.5, 1e-6);
        cr_assert_float_eq(out[0], sin(7 * PI / 6 * (double)c), 1e-6);
    }
}

Test(cqt, tuning_of_magnitudes_counts_in_thirds_of_a_semitone)
{
    FOR_BOTH_SETS
    {
        stream_t            stream = stream_new(&defaults, 22050);
        kt_spectral_peaks_t peaks  = {0};
        kt_rows_t           out    = {.cqt_peaks = &peaks};
        for (size_t i = 0; i < 22050; i++)
            for (int h = 1; h <= 4; h++)
                stream.samples[i] += (float)(0.1 * sin(2 * PI * 440 * exp2(h + 0.25 / 36) / 2 * (double)i / 22050));
        cr_assert_eq(kt_device_frontend(stream.device, stream.plan, &stream.span, 1, &out), KT_OK);
        cr_assert_gt(peaks.count, 100);
        cr_assert_float_eq(kt_spectral_peaks_tuning(&peaks), 0.25, 0.06);
        kt_spectral_peaks_fini(&peaks);
        stream_free(&stream);
    }
}
