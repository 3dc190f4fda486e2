#include "kernels/derived.h"
#include "kernels/gpu/kind.h"
#include "tests/bench/gpu_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const gpu_kernel_names[GPU_KERNELS] = {"first pass, all rows", "first pass, mel alone",
                                                   "second pass, chroma",  "second pass, powers",
                                                   "rows of a segment",    "maxima"};

void
gpu_must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "gpu_bench: %s: %s\n", what, cudaGetErrorString(cudaGetLastError()));
    exit(1);
}

void *
gpu_host(size_t count, size_t size)
{
    void *out = calloc(count ? count : 1, size);
    gpu_must(out != NULL, "out of memory");
    return out;
}

void *
gpu_new(size_t bytes)
{
    void *out = NULL;
    gpu_must(bytes == 0 || cudaMalloc(&out, bytes) == cudaSuccess, "cudaMalloc");
    return out;
}

void *
gpu_copy(const void *from, size_t bytes)
{
    void *out = gpu_new(bytes);
    gpu_must(bytes == 0 || cudaMemcpy(out, from, bytes, cudaMemcpyHostToDevice) == cudaSuccess, "copy to the device");
    return out;
}

void
gpu_free(void *memory)
{
    gpu_must(cudaFree(memory) == cudaSuccess, "cudaFree");
}

// Two tones and noise: peaks for the tuning, energy in every band.
static void
make_sound(float *out, uint32_t n, uint32_t seed)
{
    const float step[2]  = {0.06F + 0.001F * (float)(seed % 40), 0.0893F};
    float       phase[2] = {0, 0};
    uint32_t    state    = 12345 + seed;
    for (uint32_t i = 0; i < n; i++) {
        state  = state * 1664525U + 1013904223U;
        out[i] = 0.3F * sinf(phase[0]) + 0.2F * sinf(phase[1]) + 0.02F * ((float)state / 2147483648.0F - 1);
        for (int t = 0; t < 2; t++) {
            phase[t] += step[t];
            phase[t] -= phase[t] > 6.2831853F ? 6.2831853F : 0;
        }
    }
}

static uint32_t
frames_of(const kt_frontend_opts_t *opts, uint32_t samples)
{
    return samples / opts->hop + 1;
}

// Samples of a span with the half frames of zeros around, a multiple of the alignment.
static size_t
room_of(const kt_frontend_opts_t *opts, uint32_t samples)
{
    const size_t n = (size_t)samples / opts->hop * opts->hop + opts->n_fft;
    return kt_gpu_align(n * sizeof(float)) / sizeof(float);
}

typedef struct host_set {
    float          *pcm;
    kt_cuda_run_t  *runs;
    kt_cuda_tile_t *tiles;
    uint64_t       *first;
} host_set_t;

static void
add_span(gpu_set_t *self, host_set_t *host, const gpu_spans_t *spans, size_t i)
{
    const kt_frontend_opts_t *o     = &self->plan->opts;
    const uint32_t            n     = spans->samples[i];
    const kt_cuda_run_t       whole = {.pcm        = self->samples,
                                       .row        = self->rows,
                                       .frames     = frames_of(o, n),
                                       .real_begin = o->n_fft / 2,
                                       .real_end   = o->n_fft / 2 + n / o->hop * o->hop,
                                       .segment    = (uint32_t)i};
    const kt_cuda_tile_t      tile  = {.row = self->rows, .rows = whole.frames, .segment = (uint32_t)i};
    make_sound(host->pcm + self->samples + o->n_fft / 2, n / o->hop * o->hop, (uint32_t)i);
    for (uint32_t f = 0; f < whole.frames; f++)
        host->first[self->rows + f] = self->samples + (uint64_t)f * o->hop;
    self->n_runs += kt_cuda_cut(&whole, o->hop, spans->run_frames, host->runs + self->n_runs);
    self->n_tiles += kt_cuda_tile(&tile, host->tiles + self->n_tiles);
    self->longest = whole.frames < spans->run_frames && whole.frames > self->longest ? whole.frames : self->longest;
    self->longest = whole.frames >= spans->run_frames ? spans->run_frames : self->longest;
    self->samples += room_of(o, n);
    self->rows += whole.frames;
}

static void
put_spans(gpu_set_t *self, const gpu_spans_t *spans)
{
    const kt_frontend_opts_t *o       = &self->plan->opts;
    size_t                    samples = 0, frames = 0, runs = 0, tiles = 0;
    for (size_t i = 0; i < spans->n; i++) {
        samples += room_of(o, spans->samples[i]);
        frames += frames_of(o, spans->samples[i]);
        runs += kt_cuda_runs_of(frames_of(o, spans->samples[i]), spans->run_frames);
        tiles += kt_cuda_tiles_of(frames_of(o, spans->samples[i]));
    }
    host_set_t host = {gpu_host(samples, sizeof *host.pcm), gpu_host(runs, sizeof *host.runs),
                       gpu_host(tiles, sizeof *host.tiles), gpu_host(frames, sizeof *host.first)};
    for (size_t i = 0; i < spans->n; i++)
        add_span(self, &host, spans, i);
    self->pcm   = gpu_copy(host.pcm, samples * sizeof *host.pcm);
    self->runs  = gpu_copy(host.runs, runs * sizeof *host.runs);
    self->tiles = gpu_copy(host.tiles, tiles * sizeof *host.tiles);
    self->first = gpu_copy(host.first, frames * sizeof *host.first);
    free(host.pcm);
    free(host.runs);
    free(host.tiles);
    free(host.first);
}

static kt_cuda_peaks_t
peaks_at(const gpu_set_t *self, uint32_t which)
{
    const uint32_t list = KT_GPU_SECTION_PEAK + which;
    return (kt_cuda_peaks_t){.peak = (kt_gpu_peak_t *)(void *)(self->slab + self->layout.at[list]),
                             .slice =
                                 (kt_gpu_slice_t *)(void *)(self->slab + self->layout.at[KT_GPU_SECTION_SLICE + which]),
                             .used = (uint32_t *)(void *)(self->slab + self->layout.at[KT_GPU_SECTION_USED + which]),
                             .capacity = (uint32_t)(self->layout.size[list] / sizeof(kt_gpu_peak_t))};
}

static void
open_rows(gpu_set_t *self, size_t segments)
{
    float                 unread = 0;
    kt_spectral_peaks_t   peaks  = {0};
    kt_rows_t             rows   = {.peaks = &peaks, .cqt_peaks = &peaks};
    const kt_gpu_frames_t all    = {.plan = self->plan, .rows = &rows};
    kt_gpu_batch_t        batch  = {0};
    for (int r = 0; r < KT_ROWS; r++)
        rows.row[r] = &unread;
    kt_gpu_frontend_kind.describe(&all, &batch);
    kt_gpu_layout(batch.shape.section, batch.wanted, self->rows, &self->layout);
    self->slab = gpu_new(self->layout.bytes);
    for (int r = 0; r < KT_ROWS; r++)
        if (batch.wanted >> r & 1)
            self->out.row[r] = (float *)(void *)(self->slab + self->layout.at[r]);
    self->out.peaks     = peaks_at(self, KT_GPU_POWER_PEAKS);
    self->out.cqt_peaks = peaks_at(self, KT_GPU_CQT_PEAKS);
    self->out.maxima    = gpu_new(segments * KT_CUDA_MAXIMA * sizeof(uint32_t));
    gpu_must(cudaMemset(self->out.maxima, 0, segments * KT_CUDA_MAXIMA * sizeof(uint32_t)) == cudaSuccess, "maxima");
}

static void
open_second(gpu_set_t *self)
{
    const kt_frontend_opts_t *o      = &self->plan->opts;
    const size_t              floats = kt_cuda_bank_floats(self->tables), rows = self->rows * sizeof(float);
    float                    *bumps = gpu_host(floats, sizeof *bumps);
    kt_chroma_bumps(self->plan, 0, bumps);
    self->banks   = gpu_copy(bumps, floats * sizeof *bumps);
    self->chroma  = gpu_new(rows * o->n_chroma);
    self->powers  = gpu_new(rows * self->plan->bins);
    self->segment = (kt_cuda_segment_rows_t){.mel             = self->out.row[KT_ROW_MEL],
                                             .peak            = self->out.row[KT_ROW_PEAK],
                                             .valley          = self->out.row[KT_ROW_VALLEY],
                                             .maxima          = self->out.maxima,
                                             .mfcc            = gpu_new(rows * o->n_mfcc),
                                             .onset           = gpu_new(rows),
                                             .mfcc_floats     = o->n_mfcc,
                                             .contrast_floats = KT_BANDS};
    if (kt_derived_bands(o))
        self->segment.bands = gpu_new(rows * kt_derived_bands(o));
    if (self->plan->has_contrast)
        self->segment.contrast = gpu_new(rows * KT_BANDS);
    free(bumps);
}

gpu_set_t
gpu_set_open(const kt_frontend_opts_t *opts, const gpu_spans_t *spans)
{
    gpu_set_t self = {0};
    gpu_must(kt_plan_new(&self.plan, opts) == KT_OK, "plan");
    gpu_must(kt_cuda_plan_new(&self.tables, self.plan) == KT_OK, "plan on the device");
    put_spans(&self, spans);
    self.work = gpu_new(kt_cuda_plan_work_bytes(self.tables));
    open_rows(&self, spans->n);
    open_second(&self);
    gpu_must(cudaDeviceSynchronize() == cudaSuccess, "the device");  // other streams may begin now
    return self;
}

bool
gpu_fits(const kt_frontend_opts_t *opts)
{
    kt_plan_t      *plan   = NULL;
    kt_cuda_plan_t *tables = NULL;
    gpu_must(kt_plan_new(&plan, opts) == KT_OK, "plan");
    const kt_err_t err = kt_cuda_plan_new(&tables, plan);
    gpu_must(err == KT_OK || err == KT_EINVAL, "plan on the device");
    kt_cuda_plan_destroy(&tables);
    kt_plan_destroy(&plan);
    return err == KT_OK;
}

void
gpu_set_close(gpu_set_t *self)
{
    void *const all[] = {self->pcm,
                         self->first,
                         self->runs,
                         self->tiles,
                         self->work,
                         self->slab,
                         self->out.maxima,
                         self->segment.bands,
                         self->segment.mfcc,
                         self->segment.onset,
                         self->segment.contrast,
                         self->banks,
                         self->chroma,
                         self->powers};
    gpu_must(cudaDeviceSynchronize() == cudaSuccess, "the device");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free(all[i]);
    kt_cuda_plan_destroy(&self->tables);
    kt_plan_destroy(&self->plan);
    *self = (gpu_set_t){0};
}

static kt_err_t
run_first(const gpu_set_t *self, const kt_cuda_rows_t *rows, cudaStream_t stream)
{
    const kt_cuda_peaks_t *const peaks[] = {&rows->peaks, &rows->cqt_peaks};
    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++)
        if (peaks[i]->peak && cudaMemsetAsync(peaks[i]->used, 0, sizeof *peaks[i]->used, stream) != cudaSuccess)
            return KT_EIO;
    return kt_cuda_frontend(self->tables, self->runs, self->n_runs, self->longest, self->pcm, rows, self->work, stream);
}

kt_err_t
gpu_set_run(const gpu_set_t *self, gpu_kernel_t kernel, cudaStream_t stream)
{
    const kt_cuda_rows_t mel = {.row[KT_ROW_MEL] = self->out.row[KT_ROW_MEL]};
    switch (kernel) {
    case GPU_FIRST: return run_first(self, &self->out, stream);
    case GPU_MEL: return run_first(self, &mel, stream);
    case GPU_CHROMA:
        return kt_cuda_chroma(self->tables, self->runs, self->n_runs, self->longest, self->pcm, self->banks,
                              self->chroma, self->work, stream);
    case GPU_POWER_SPECTRA:
        return kt_cuda_power_spectra(self->tables, self->runs, self->n_runs, self->longest, self->pcm, self->plan->bins,
                                     self->powers, self->work, stream);
    case GPU_SEGMENTS: return kt_cuda_segments(self->tables, self->tiles, self->n_tiles, &self->segment, stream);
    default:
        return kt_cuda_maxima(self->tables, self->tiles, self->n_tiles, self->out.row[KT_ROW_MEL],
                              self->out.row[KT_ROW_PEAK], self->out.row[KT_ROW_VALLEY], self->out.maxima, stream);
    }
}

float *
gpu_dense(const kt_plan_t *plan, bool is_chroma)
{
    const uint32_t width = is_chroma ? plan->opts.n_chroma : plan->opts.n_mels;
    float         *out   = gpu_host((size_t)width * plan->bins, sizeof *out), *bank;
    for (uint32_t i = 0; i < plan->opts.n_mels && !is_chroma; i++)
        for (uint32_t j = 0; j < plan->mel[i].count; j++)
            out[(size_t)i * plan->bins + plan->mel[i].first + j] = plan->mel_weight[plan->mel[i].offset + j];
    if (!is_chroma)
        return out;
    bank = gpu_host((size_t)width * plan->bins, sizeof *bank);
    kt_chroma_bank(plan, 0, bank);
    for (uint32_t k = 0; k < plan->bins; k++)
        for (uint32_t c = 0; c < width; c++)
            out[(size_t)c * plan->bins + k] = bank[(size_t)k * width + c];
    free(bank);
    return out;
}
