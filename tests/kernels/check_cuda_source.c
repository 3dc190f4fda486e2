// Pieces of a stream at its file's rate: planes and mono are exact, resampling and loudness within tolerances.def.
#include "kernels/audio/polyphase.h"
#include "kernels/audio/resample.h"
#include "kernels/cuda/source.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A stream of which a few samples are what a damaged file has.
static float *
make_stream(size_t frames, uint32_t channels, kt_sample_format_t format)
{
    const size_t n     = frames * channels;
    uint32_t     state = (uint32_t)n;
    float       *out   = calloc(n + 1, sizeof *out);
    if (!check(out != NULL, "memory"))
        exit(1);
    for (size_t i = 0; i < n; i++) {
        state                     = state * 1664525U + 1013904223U;
        const int16_t      value  = (int16_t)(state >> 16);
        static const float ODD[5] = {NAN, INFINITY, -INFINITY, 1e12F, 2e12F};
        out[i]                    = format == KT_SAMPLES_S16 ? (float)value * KT_S16_UNIT
                                    : i % 997 == 5           ? ODD[i / 997 % 5]
                                                             : (float)value * 1.3F * KT_S16_UNIT;
    }
    return out;
}

static void *
device_samples(const float *from, size_t n, kt_sample_format_t format)
{
    if (format == KT_SAMPLES_F32)
        return device_copy(from, n * sizeof *from);
    int16_t *host = calloc(n + 1, sizeof *host);
    if (!check(host != NULL, "memory"))
        exit(1);
    for (size_t i = 0; i < n; i++)
        host[i] = (int16_t)(from[i] * 32768);
    void *out = device_copy(host, n * sizeof *host);
    free(host);
    return out;
}

static float
usable(float x, uint32_t *bad)
{
    const bool ok = fabsf(x) <= KT_SAMPLE_LIMIT;
    *bad += !ok;
    return ok ? x : 0;
}

// A piece of a stream of `all` frames on the device, and its planes once they are made.
typedef struct piece {
    uint32_t         rate_hz, channels;
    size_t           all, first;
    float           *stream;  // host
    float           *planes;  // device, with mono behind the channels
    void            *pcm;
    kt_cuda_piece_t  piece, *pieces;
    kt_cuda_source_t source;
} piece_t;

static piece_t
piece_new(uint32_t rate_hz, uint32_t channels, kt_sample_format_t format, size_t all, size_t first)
{
    const uint32_t reach  = kt_polyphase_reach(rate_hz, 22050);
    const uint32_t before = kt_source_before(rate_hz, reach), after = kt_source_after(reach);
    const uint32_t stride = kt_cuda_source_floats(before, after) + KT_SOURCE_ALIGN;
    const uint32_t frames = (uint32_t)(all - first < KT_SOURCE_FRAMES ? all - first : KT_SOURCE_FRAMES);
    const uint32_t had    = (uint32_t)(first < before ? first : before);
    const size_t   left   = all - first - frames;
    const uint32_t has    = (uint32_t)(left < after ? left : after);
    const uint32_t none   = 0;
    piece_t        self   = {.rate_hz = rate_hz, .channels = channels, .all = all, .first = first};
    self.stream           = make_stream(all, channels, format);
    self.planes           = device_new((size_t)(channels + 1) * stride * sizeof(float));
    self.pcm = device_samples(self.stream + (first - had) * channels, (size_t)(had + frames + has) * channels, format);
    self.piece  = (kt_cuda_piece_t){.pcm        = self.pcm,
                                    .planes     = self.planes + before,
                                    .mono       = self.planes + (size_t)channels * stride + before,
                                    .not_finite = device_copy(&none, sizeof none),
                                    .first      = first,
                                    .frames     = frames,
                                    .had        = had,
                                    .has        = has};
    self.pieces = device_copy(&self.piece, sizeof self.piece);
    self.source = (kt_cuda_source_t){self.pieces, 1, rate_hz, channels, before, after, stride, format};
    check(kt_cuda_planes(&self.source, NULL) == KT_OK, "planes: launch");
    return self;
}

static void
piece_free(piece_t *self)
{
    device_free(self->pcm);
    device_free(self->planes);
    device_free(self->piece.not_finite);
    device_free(self->pieces);
    free(self->stream);
}

// Sample of a channel as the kernels are to see it; frame 0 is the piece's first. *bad: counts what is taken as 0.
static float
sample_at(const piece_t *self, int64_t frame, uint32_t channel, uint32_t *bad)
{
    const int64_t at = (int64_t)self->first + frame;
    return at >= 0 && at < (int64_t)self->all ? usable(self->stream[(size_t)at * self->channels + channel], bad) : 0;
}

static void
planes_are_right(uint32_t rate_hz, uint32_t channels, kt_sample_format_t format, size_t all, size_t first)
{
    piece_t                 self   = piece_new(rate_hz, channels, format, all, first);
    const kt_cuda_source_t *source = &self.source;
    const size_t            floats = (size_t)(channels + 1) * source->stride;
    float                  *got = calloc(floats, sizeof *got), *one = calloc(channels, sizeof *one);
    if (!check(got && one, "memory"))
        exit(1);
    uint32_t not_finite, bad = 0, ignored = 0;
    device_read(got, self.planes, floats * sizeof *got);
    device_read(&not_finite, self.piece.not_finite, sizeof not_finite);
    size_t wrong = 0;
    for (int64_t f = -(int64_t)source->before; f < (int64_t)self.piece.frames + source->after; f++) {
        const size_t place = (size_t)(f + source->before);
        float        mono  = 0;
        for (uint32_t c = 0; c < channels; c++) {
            one[c] = sample_at(&self, f, c, f >= 0 && f < self.piece.frames ? &bad : &ignored);
            wrong += got[(size_t)c * source->stride + place] != one[c];
        }
        kt_to_mono(one, 1, channels, &mono);
        wrong += got[(size_t)channels * source->stride + place] != mono;
    }
    check(wrong == 0, "planes: %u channels, format %d, from %zu of %zu: %zu samples differ", channels, (int)format,
          first, all, wrong);
    check(not_finite == bad, "planes: %u samples not finite, not %u", not_finite, bad);
    free(got);
    free(one);
    piece_free(&self);
}

static void
resampling_is_right(uint32_t rate_hz, size_t all, size_t first)
{
    piece_t         self   = piece_new(rate_hz, 2, KT_SAMPLES_S16, all, first);
    const uint32_t  before = self.source.before, frames = self.piece.frames;
    const size_t    floats = kt_cuda_source_floats(before, self.source.after);
    kt_polyphase_t *by     = NULL;
    check(kt_polyphase_new(&by, rate_hz, 22050) == KT_OK, "resampling: a table for %u Hz", rate_hz);
    const uint64_t begin = kt_polyphase_first(rate_hz, 22050, first);
    const uint32_t n = (uint32_t)(kt_polyphase_first(rate_hz, 22050, first + frames) - begin), kept = n / 2;
    float         *mono = calloc(floats, sizeof *mono), *want = calloc(n + 1, sizeof *want);
    float         *got = calloc(n + 1, sizeof *got), *got_kept = calloc(n + 1, sizeof *got);
    if (!check(mono && want && got && got_kept, "memory"))
        exit(1);
    device_read(mono, self.piece.mono - before, (before + frames + self.source.after) * sizeof *mono);
    kt_polyphase_run(by, mono + before, first, frames, want);
    const kt_cuda_resampled_t to   = {device_new(n * sizeof(float)), device_new(kept * sizeof(float)), begin, n, kept};
    kt_cuda_resampled_t      *out  = device_copy(&to, sizeof to);
    float                    *taps = device_copy(by->taps, 2 * (size_t)by->reach * by->phases * sizeof *by->taps);
    const kt_cuda_resample_t  run  = {self.pieces, out, taps, 1, n, by->phases, by->step, by->reach};
    check(kt_cuda_resample(&run, NULL) == KT_OK, "resampling: launch");
    device_read(got, to.out, n * sizeof *got);
    device_read(got_kept, to.kept, kept * sizeof *got);
    const double off = off_by(got, want, n);
    check(off <= tolerance_of(TOLERANCE_RESAMPLE), "resampling from %u Hz, sample %zu of %zu: %g", rate_hz, first, all,
          off);
    check(memcmp(got, got_kept, kept * sizeof *got) == 0, "resampling: what is kept is what comes back");
    device_free(to.out);
    device_free(to.kept);
    device_free(out);
    device_free(taps);
    free(mono);
    free(want);
    free(got);
    free(got_kept);
    kt_polyphase_destroy(&by);
    piece_free(&self);
}

// Of a channel, whose plane is the stream's from its first sample on, after a margin.
static void
peaks_are_right(const piece_t *self, const kt_interpolation_t *between, const float *plane, size_t end,
                const kt_peaks_t *got)
{
    // Windows that begin within the piece; of a stream's first piece those before it, too.
    kt_peaks_t   ref = {0}, before = {0};
    const size_t first = self->first, groups = (end - first + KT_PEAK_GROUP - 1) / KT_PEAK_GROUP;
    float       *window = calloc(groups * KT_PEAK_GROUP + 2 * KT_PEAK_MARGIN + KT_PEAK_GROUP, sizeof *window);
    if (!check(window != NULL, "memory"))
        exit(1);
    memcpy(window, plane + KT_PEAK_MARGIN + first, (end - first + KT_PEAK_TAPS - 1) * sizeof *window);
    kt_loudness_ops_ref.peaks(between, window, groups * KT_PEAK_GROUP, &ref);
    if (first == 0)
        kt_loudness_ops_ref.peaks(between, plane, KT_PEAK_GROUP, &before);
    ref.sample  = 0;
    ref.squares = 0;
    for (size_t i = first; i < end; i++) {
        ref.sample = fmaxf(ref.sample, fabsf(plane[KT_PEAK_MARGIN + i]));
        ref.squares += (double)plane[KT_PEAK_MARGIN + i] * plane[KT_PEAK_MARGIN + i];
    }
    const float most = fmaxf(fmaxf(ref.sample, ref.between), before.between), peak = fmaxf(got->sample, got->between);
    check(got->sample == ref.sample, "loudness: sample peak %g, not %g", got->sample, ref.sample);
    check(fabsf(peak - most) <= 2e-6F * most, "loudness at %u Hz: true peak %.9g, not %.9g", self->rate_hz, peak, most);
    check(fabs(got->squares - ref.squares) <= 1e-12 * ref.squares, "loudness: squares %.17g, not %.17g", got->squares,
          ref.squares);
    free(window);
}

// Of the stream's samples up to the piece's end, by the reference from the stream's first sample on.
static void
loudness_is_right(uint32_t rate_hz, uint32_t channels, size_t all, size_t first)
{
    piece_t        self = piece_new(rate_hz, channels, KT_SAMPLES_S16, all, first);
    const uint32_t hops = kt_source_hops(rate_hz), frames = self.piece.frames;
    const size_t   n_energy = (size_t)hops * channels, end = first + frames;
    const size_t   room = end + 2 * KT_PEAK_MARGIN + KT_PEAK_GROUP;
    double        *want = calloc(n_energy, sizeof *want), *got = calloc(n_energy, sizeof *got);
    float         *plane = calloc(room, sizeof *plane);
    kt_peaks_t    *peaks = calloc(channels, sizeof *peaks);
    if (!check(want && got && plane && peaks, "memory"))
        exit(1);
    kt_cuda_loudness_t run = {.source = self.source,
                              .hops   = hops,
                              .energy = device_new(n_energy * sizeof *got),
                              .peaks  = device_copy(peaks, channels * sizeof *peaks),
                              .work   = device_new(kt_cuda_loudness_work(1, channels))};
    kt_kweight_design(&run.weight, rate_hz);
    kt_interpolation_design(&run.between, rate_hz);
    check(kt_cuda_loudness(&run, NULL) == KT_OK, "loudness: launch");
    device_read(got, run.energy, n_energy * sizeof *got);
    device_read(peaks, run.peaks, channels * sizeof *peaks);
    for (uint32_t c = 0; c < channels; c++) {
        uint32_t ignored = 0;
        for (size_t i = 0; i < end; i++)
            plane[KT_PEAK_MARGIN + i] = sample_at(&self, (int64_t)i - (int64_t)first, c, &ignored);
        for (size_t i = 0; i < KT_PEAK_TAPS; i++)  // the values between the piece and the next one
            plane[KT_PEAK_MARGIN + end + i] = sample_at(&self, (int64_t)frames + (int64_t)i, c, &ignored);
        kt_kweight_state_t state[2] = {0};
        for (size_t at = 0, to; at < end; at = to) {
            const uint64_t     hop     = kt_source_hop(at, rate_hz);
            const size_t       next    = (size_t)((hop + 1) * rate_hz / 10);
            const float *const pair[2] = {plane + KT_PEAK_MARGIN + at, plane + KT_PEAK_MARGIN + at};
            double             sum[2]  = {0, 0};
            to                         = at < first && next > first ? first : next < end ? next : end;
            kt_loudness_ops_ref.energy(&run.weight, state, pair, to - at, sum);
            if (at >= first)
                want[(hop - kt_source_hop(first, rate_hz)) * channels + c] = sum[0];
        }
        peaks_are_right(&self, &run.between, plane, end, &peaks[c]);
    }
    double worst = 0, largest = 0;
    for (size_t i = 0; i < n_energy; i++) {
        largest = fmax(largest, want[i]);
        worst   = fmax(worst, fabs(got[i] - want[i]));
    }
    check(worst <= tolerance_of(TOLERANCE_HOPS) * largest && largest > 0,
          "loudness at %u Hz: energies differ by %g of %g", rate_hz, worst, largest);
    device_free(run.energy);
    device_free(run.peaks);
    device_free(run.work);
    free(want);
    free(got);
    free(plane);
    free(peaks);
    piece_free(&self);
}

void
check_cuda_source(bool all)
{
    planes_are_right(8000, 2, KT_SAMPLES_S16, KT_SOURCE_FRAMES + 1000, KT_SOURCE_FRAMES);
    planes_are_right(8000, 1, KT_SAMPLES_F32, 3000, 0);
    check(kt_cuda_planes(&(kt_cuda_source_t){.n = 1}, NULL) == KT_EINVAL, "planes: no channels");
    check(kt_cuda_planes(&(kt_cuda_source_t){.channels = 1}, NULL) == KT_OK, "planes: none");
    resampling_is_right(8000, 9000, 0);
    loudness_is_right(8000, 1, KT_SOURCE_FRAMES + 5000, KT_SOURCE_FRAMES);
    if (!all)
        return;
    resampling_is_right(44100, KT_SOURCE_FRAMES + 50, 0);
    resampling_is_right(48000, KT_SOURCE_FRAMES + 20000, KT_SOURCE_FRAMES);
    resampling_is_right(22050, 5000, 0);
    loudness_is_right(44100, 2, KT_SOURCE_FRAMES + 100, 0);
    loudness_is_right(96000, 1, 1, 0);
    loudness_is_right(4000, 2, KT_SOURCE_FRAMES + 20000, KT_SOURCE_FRAMES);
    loudness_is_right(192000, 1, 50000, 0);
    planes_are_right(44100, 2, KT_SAMPLES_F32, 2 * KT_SOURCE_FRAMES + 5, KT_SOURCE_FRAMES);
    planes_are_right(48000, 6, KT_SAMPLES_F32, 1, 0);
    planes_are_right(1000, 3, KT_SAMPLES_S16, KT_SOURCE_FRAMES + 30, 0);
}
