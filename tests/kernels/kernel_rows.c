// kernel_rows IN.f32 FOLDER [RATE N_FFT HOP] -- all rows of raw mono float samples, as NumPy files [rows, frames] in
// float32, named as in librosa_oracle.py; the tuning goes to standard output. A tool for developers: see
// compare_librosa.py.
#include "kernels/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tool {
    kt_plan_t   *plan;
    kt_device_t *device;
    float       *padded;  // half a frame of zeros at either end
    float       *rows[KT_ROWS];
    size_t       samples, frames;
    const char  *folder;
} tool_t;

static _Noreturn void
stop(const char *what)
{
    fprintf(stderr, "kernel_rows: %s\n", what);
    exit(1);
}

static float *
floats(size_t n)
{
    float *out = calloc(n ? n : 1, sizeof *out);
    if (!out)
        stop("out of memory");
    return out;
}

static void
save(const tool_t *self, const char *name, const float *rows, size_t width)
{
    char path[4096], head[118];
    snprintf(path, sizeof path, "%s/%s.npy", self->folder, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        stop("cannot write");
    memset(head, ' ', sizeof head);
    const int n = snprintf(head, sizeof head, "{'descr': '<f4', 'fortran_order': True, 'shape': (%zu, %zu), }", width,
                           self->frames);
    head[n]     = ' ';
    head[sizeof head - 1]         = '\n';
    const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, sizeof head, 0};
    const bool          written   = fwrite(magic, 1, sizeof magic, file) == sizeof magic &&
                         fwrite(head, 1, sizeof head, file) == sizeof head &&
                         fwrite(rows, sizeof *rows, width * self->frames, file) == width * self->frames;
    if (fclose(file) || !written)
        stop("cannot write");
}

static void
read_samples(tool_t *self, const char *path, size_t n_fft)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        stop("cannot read");
    self->samples = (size_t)ftell(file) / sizeof(float);
    rewind(file);
    self->padded = floats(self->samples + n_fft);
    if (fread(self->padded + n_fft / 2, sizeof(float), self->samples, file) != self->samples)
        stop("cannot read");
    fclose(file);
}

static void
first_pass(tool_t *self, kt_spectral_peaks_t *peaks)
{
    static const char *const names[KT_ROWS] = {"spectral_centroid", "spectral_bandwidth", "spectral_rolloff",
                                               "spectral_flatness", "zero_crossing_rate", "rms"};
    const size_t             half           = kt_plan_opts(self->plan)->n_fft / 2;
    const kt_span_t          span           = {self->padded, self->frames, half, half + self->samples};
    kt_rows_t                out            = {.peaks = peaks};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        out.row[r] = self->rows[r] = floats(self->frames * kt_row_width(self->plan, r));
    if (kt_device_frontend(self->device, self->plan, &span, 1, &out))
        stop("the first pass failed");
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        if (names[r])
            save(self, names[r], self->rows[r], 1);
}

static void
second_pass(tool_t *self, double tuning)
{
    const size_t    half = kt_plan_opts(self->plan)->n_fft / 2, width = kt_plan_opts(self->plan)->n_chroma;
    const kt_span_t span   = {self->padded, self->frames, half, half + self->samples};
    float          *chroma = floats(self->frames * width);
    if (kt_device_chroma(self->device, self->plan, tuning, &span, 1, &chroma))
        stop("the second pass failed");
    save(self, "chroma_stft", chroma, width);
    free(chroma);
}

static void
segment_rows(tool_t *self)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(self->plan);
    float                    *db = floats(self->frames * opts->n_mels), *mfcc = floats(self->frames * opts->n_mfcc),
          *onset = floats(self->frames), *contrast = floats(self->frames * kt_row_width(self->plan, KT_ROW_PEAK));
    kt_rows_to_db(kt_device_isa(self->device), self->rows[KT_ROW_MEL], self->frames * opts->n_mels, db);
    kt_rows_mfcc(kt_device_isa(self->device), self->plan, db, self->frames, mfcc);
    kt_rows_onset(kt_device_isa(self->device), self->plan, db, self->frames, onset);
    kt_rows_contrast(kt_device_isa(self->device), self->plan, self->rows[KT_ROW_PEAK], self->rows[KT_ROW_VALLEY],
                     self->frames, contrast);
    save(self, "mel", self->rows[KT_ROW_MEL], opts->n_mels);
    save(self, "mel_db", db, opts->n_mels);
    save(self, "mfcc", mfcc, opts->n_mfcc);
    save(self, "onset_strength", onset, 1);
    save(self, "spectral_contrast", contrast, kt_row_width(self->plan, KT_ROW_PEAK));
    free(db);
    free(mfcc);
    free(onset);
    free(contrast);
}

int
main(int argc, char **argv)
{
    if (argc != 3 && argc != 6)
        stop("usage: kernel_rows IN.f32 FOLDER [RATE N_FFT HOP]");
    kt_frontend_opts_t opts = {22050, 2048, 512, 128, 13, 12};
    if (argc == 6) {
        opts.rate_hz = (uint32_t)strtoul(argv[3], NULL, 10);
        opts.n_fft   = (uint32_t)strtoul(argv[4], NULL, 10);
        opts.hop     = (uint32_t)strtoul(argv[5], NULL, 10);
    }
    tool_t              tool  = {.folder = argv[2]};
    kt_spectral_peaks_t peaks = {0};
    if (kt_plan_new(&tool.plan, &opts) || kt_device_cpu(&tool.device, &(kt_device_opts_t){getenv("KITHARA_ISA")}))
        stop("these options or KITHARA_ISA cannot be used");
    read_samples(&tool, argv[1], opts.n_fft);
    tool.frames = 1 + tool.samples / opts.hop;
    first_pass(&tool, &peaks);
    const double tuning = kt_spectral_peaks_tuning(&peaks);
    second_pass(&tool, tuning);
    segment_rows(&tool);
    printf("%.17g\n", tuning);
    kt_spectral_peaks_fini(&peaks);
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        free(tool.rows[r]);
    free(tool.padded);
    kt_device_destroy(&tool.device);
    kt_plan_destroy(&tool.plan);
    return 0;
}
