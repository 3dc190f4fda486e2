// similarity_raw FILE.f32... -- the raw values of the similarity vectors of mono float samples at 22,050 Hz, a line a
// file. A tool for developers: similarity_scale.py makes the table of node/audio/similarity/scale.c with it.
#include "node/audio/similarity/similarity.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct tool {
    kt_plan_t   *plan;
    kt_device_t *device;
} tool_t;

static _Noreturn void
stop(const char *what)
{
    fprintf(stderr, "similarity_raw: %s\n", what);
    exit(1);
}

static float *
read_samples(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        stop("cannot read");
    *n         = (size_t)ftell(file) / sizeof(float);
    float *out = calloc(*n + 1, sizeof *out);
    rewind(file);
    if (!out || fread(out, sizeof *out, *n, file) != *n)
        stop("cannot read");
    fclose(file);
    return out;
}

static kt_segment_t *
analysed(const tool_t *self, const float *samples, size_t n)
{
    kt_segment_t *segment = NULL;
    size_t        taken, padding;
    if (kt_segment_new(&segment, self->plan, self->device, KT_SEGMENT_SECONDS,
                       KT_READS(KT_MATRIX_BANDS) | KT_READS(KT_MATRIX_CHROMA)))
        stop("out of memory");
    padding      = kt_segment_padding(segment);
    float *zeros = calloc(padding, sizeof *zeros);
    if (!zeros || kt_segment_feed(segment, samples, n, &taken) || taken < n)
        stop("longer than one segment");
    kt_segment_end(segment);
    if (kt_segment_feed(segment, zeros, padding, &taken) || kt_segment_close(segment))
        stop("out of memory");
    free(zeros);
    return segment;
}

static void
print_values(const kt_segment_t *segment)
{
    size_t       frames  = kt_segment_frames(segment);
    float       *bands   = calloc(frames * KT_SIM_BANDS, sizeof *bands);
    kt_timbre_t  timbre  = {0};
    kt_pattern_t pattern = {0};
    double       raw[KT_SIM_COMBINED];
    if (!bands || !kt_similarity_bands(segment, bands))
        stop("silence");
    kt_timbre_fold(&timbre, bands, frames);
    if (kt_pattern_fold(&pattern, bands, kt_segment_matrix(segment, KT_MATRIX_CHROMA), frames))
        stop("out of memory");
    kt_timbre_values(&timbre, raw);
    kt_pattern_values(&pattern, raw + KT_SIM_TIMBRE);
    for (int i = 0; i < KT_SIM_COMBINED; i++)
        printf("%.9g%c", raw[i], i + 1 < KT_SIM_COMBINED ? ' ' : '\n');
    free(bands);
}

int
main(int argc, char **argv)
{
    kt_frontend_opts_t opts = {22050, 2048, 512, 128, 13, 12};
    tool_t             tool = {0};
    if (kt_plan_new(&tool.plan, &opts) || kt_device_cpu(&tool.device, &(kt_device_opts_t){getenv("KITHARA_ISA")}))
        stop("KITHARA_ISA cannot be used");
    for (int i = 1; i < argc; i++) {
        size_t        n;
        float        *samples = read_samples(argv[i], &n);
        kt_segment_t *segment = analysed(&tool, samples, n);
        print_values(segment);
        kt_segment_destroy(&segment);
        free(samples);
    }
    kt_device_destroy(&tool.device);
    kt_plan_destroy(&tool.plan);
    return 0;
}
