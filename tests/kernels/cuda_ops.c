#include "tests/kernels/cuda_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_cuda_plan_t    *current;
static kt_frontend_opts_t current_opts;

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "kernel_check: %s: %s\n", what, cudaGetErrorString(cudaGetLastError()));
    exit(1);
}

static void *
host_new(size_t count, size_t size)
{
    void *out = calloc(count ? count : 1, size);
    must(out != NULL, "out of memory");
    return out;
}

void *
device_new(size_t bytes)
{
    void *out = NULL;
    must(bytes == 0 || cudaMalloc(&out, bytes) == cudaSuccess, "cudaMalloc");
    return out;
}

void *
device_copy(const void *from, size_t bytes)
{
    void *out = device_new(bytes);
    must(bytes == 0 || cudaMemcpy(out, from, bytes, cudaMemcpyHostToDevice) == cudaSuccess, "copy to the device");
    return out;
}

void
device_read(void *to, const void *from, size_t bytes)
{
    must(bytes == 0 || cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost) == cudaSuccess, "copy from the device");
}

void
device_free(void *memory)
{
    must(cudaFree(memory) == cudaSuccess, "cudaFree");
}

kt_cuda_plan_t *
device_plan(const kt_plan_t *plan)
{
    if (current && memcmp(&current_opts, &plan->opts, sizeof current_opts) == 0)
        return current;
    device_release(true);
    must(kt_cuda_plan_new(&current, plan) == KT_OK, "plan on the device");
    current_opts = plan->opts;
    return current;
}

void
device_release(bool is_alive)
{
    if (is_alive)
        kt_cuda_plan_destroy(&current);
    current = NULL;
}

static uint32_t
narrow(size_t sample)
{
    return sample > UINT32_MAX ? UINT32_MAX : (uint32_t)sample;
}

batch_t
batch_new(const kt_plan_t *plan, const kt_span_t *spans, size_t n, uint32_t run_frames)
{
    batch_t self = {.work = device_new(kt_cuda_plan_work_bytes(device_plan(plan)))};
    size_t  runs = 0, samples = 0;
    for (size_t i = 0; i < n; i++) {
        runs += kt_cuda_runs_of(spans[i].frames, run_frames);
        samples += spans[i].frames ? (spans[i].frames - 1) * plan->opts.hop + plan->opts.n_fft : 0;
    }
    float         *pcm  = host_new(samples, sizeof *pcm);
    kt_cuda_run_t *list = host_new(runs, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        const size_t        own   = spans[i].frames ? (spans[i].frames - 1) * plan->opts.hop + plan->opts.n_fft : 0;
        const kt_cuda_run_t whole = {.pcm        = self.samples,
                                     .row        = self.rows,
                                     .frames     = (uint32_t)spans[i].frames,
                                     .real_begin = narrow(spans[i].real_begin),
                                     .real_end   = narrow(spans[i].real_end)};
        memcpy(pcm + self.samples, spans[i].pcm, own * sizeof *pcm);
        self.n += kt_cuda_cut(&whole, plan->opts.hop, run_frames, list + self.n);
        self.rows += spans[i].frames;
        self.samples += own;
    }
    for (size_t i = 0; i < self.n; i++)
        self.longest = list[i].frames > self.longest ? list[i].frames : self.longest;
    self.pcm  = device_copy(pcm, samples * sizeof *pcm);
    self.runs = device_copy(list, self.n * sizeof *list);
    free(pcm);
    free(list);
    return self;
}

void
batch_free(batch_t *self)
{
    device_free(self->pcm);
    device_free(self->runs);
    device_free(self->work);
    *self = (batch_t){0};
}

static kt_cuda_peaks_t
peaks_new(const kt_cuda_plan_t *plan, size_t rows)
{
    const uint32_t  zero = 0;
    kt_cuda_peaks_t self = {.capacity = (uint32_t)rows * kt_cuda_peaks_per_frame(plan)};
    self.peak            = device_new(self.capacity * sizeof *self.peak);
    self.slice           = device_new(rows * sizeof *self.slice);
    self.used            = device_copy(&zero, sizeof zero);
    return self;
}

static void
peaks_free(kt_cuda_peaks_t *self)
{
    device_free(self->peak);
    device_free(self->slice);
    device_free(self->used);
}

// Peaks of all spans, each into its own list.
static void
collect(const kt_cuda_peaks_t *peaks, size_t rows, const kt_span_t *spans, size_t n, unsigned per_octave, bool of_cqt,
        const kt_rows_t *out)
{
    uint32_t used = 0;
    device_read(&used, peaks->used, sizeof used);
    kt_gpu_peak_t  *peak  = host_new(used, sizeof *peak);
    kt_gpu_slice_t *slice = host_new(rows, sizeof *slice);
    device_read(peak, peaks->peak, used * sizeof *peak);
    device_read(slice, peaks->slice, rows * sizeof *slice);
    size_t row = 0;
    for (size_t i = 0; i < n; row += spans[i].frames, i++) {
        kt_spectral_peaks_t *to = of_cqt ? out[i].cqt_peaks : out[i].peaks;
        if (to)
            must(kt_gpu_peaks_collect(peak, used, slice + row, spans[i].frames, per_octave, to) == KT_OK, "peaks");
    }
    free(peak);
    free(slice);
}

static void
read_row(const kt_plan_t *plan, kt_row_t r, const float *from, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    const size_t width = kt_row_width(plan, r);
    for (size_t i = 0; i < n; from += spans[i].frames * width, i++)
        if (out[i].row[r])
            device_read(out[i].row[r], from, spans[i].frames * width * sizeof *from);
}

static kt_err_t
frontend(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    (void)scratch;
    kt_cuda_plan_t *tables = device_plan(plan);
    batch_t         batch  = batch_new(plan, spans, n, KT_CUDA_RUN_FRAMES);
    kt_cuda_rows_t  rows   = {0};
    bool            peaks = false, cqt_peaks = false;
    for (size_t i = 0; i < n; i++) {
        peaks     = peaks || out[i].peaks;
        cqt_peaks = cqt_peaks || out[i].cqt_peaks;
        for (kt_row_t r = 0; r < KT_ROWS; r++)
            if (out[i].row[r] && !rows.row[r])
                rows.row[r] = device_new(batch.rows * kt_row_width(plan, r) * sizeof(float));
    }
    if (peaks)
        rows.peaks = peaks_new(tables, batch.rows);
    if (cqt_peaks)
        rows.cqt_peaks = peaks_new(tables, batch.rows);
    const kt_err_t err =
        kt_cuda_frontend(tables, batch.runs, batch.n, batch.longest, batch.pcm, &rows, batch.work, NULL);
    for (kt_row_t r = 0; r < KT_ROWS && !err; r++)
        if (rows.row[r])
            read_row(plan, r, rows.row[r], spans, n, out);
    if (peaks && !err)
        collect(&rows.peaks, batch.rows, spans, n, plan->opts.n_chroma, false, out);
    if (cqt_peaks && !err)
        collect(&rows.cqt_peaks, batch.rows, spans, n, 36, true, out);
    must(cudaDeviceSynchronize() == cudaSuccess, "front end");
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        device_free(rows.row[r]);
    peaks_free(&rows.peaks);
    peaks_free(&rows.cqt_peaks);
    batch_free(&batch);
    return err;
}

// The bank is what check_tuning made: the kernel gets the same as bumps.
static void
chroma(const kt_plan_t *plan, const float *bank, void *scratch, const kt_span_t *spans, size_t n, float *const *out)
{
    (void)bank;
    (void)scratch;
    kt_cuda_plan_t *tables = device_plan(plan);
    batch_t         batch  = batch_new(plan, spans, n, KT_CUDA_RUN_FRAMES);
    const size_t    width = plan->opts.n_chroma, floats = kt_cuda_bank_floats(tables);
    float          *bumps = host_new(floats, sizeof *bumps);
    kt_chroma_bumps(plan, check_tuning, bumps);
    float *device_bumps = device_copy(bumps, floats * sizeof *bumps);
    float *rows         = device_new(batch.rows * width * sizeof *rows);
    must(kt_cuda_chroma(tables, batch.runs, batch.n, batch.longest, batch.pcm, device_bumps, rows, batch.work, NULL) ==
             KT_OK,
         "chroma");
    const float *from = rows;
    for (size_t i = 0; i < n; from += spans[i].frames * width, i++)
        device_read(out[i], from, spans[i].frames * width * sizeof *from);
    must(cudaDeviceSynchronize() == cudaSuccess, "chroma");
    free(bumps);
    device_free(device_bumps);
    device_free(rows);
    batch_free(&batch);
}

static size_t
scratch_bytes(const kt_plan_t *plan)
{
    (void)plan;
    return 64;
}

const kt_cpu_ops_t cuda_ops = {.isa = "cuda", .scratch_bytes = scratch_bytes, .frontend = frontend, .chroma = chroma};
