// The features of all hypotheses of tempo and meter (node/audio/rhythm/tempo.h), for tempo.py: one line of JSON per
// file. Up to the first ten minutes of each.
//   tempo_features FILE...   {"file": NAME, "names": [...], "hypotheses": [[period, signature, feature, ...], ...]}
#include "lib/kithara.h"
#include "node/audio/rhythm/tempo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_HZ = 22050 };

static const char *const NAMES[KT_METER_FEATURES] = {
#define KT_WEIGHT(name, weight, meaning) #name,
#include "node/audio/rhythm/weights.def"
#undef KT_WEIGHT
};

typedef struct bench {
    kithara_t   *library;
    kt_device_t *device;
    kt_plan_t   *analysis, *envelope;
    kt_meter_t   meters[KT_METER_HYPOTHESES];
} bench_t;

static kt_err_t
fill_segment(kt_segment_t *segment, const float *samples, size_t n)
{
    size_t   taken;
    kt_err_t err = kt_segment_feed(segment, samples, n, &taken);
    if (!err && taken == n) {
        kt_segment_end(segment);
        float *zeros = calloc(kt_segment_padding(segment) + 1, sizeof *zeros);
        err          = zeros ? kt_segment_feed(segment, zeros, kt_segment_padding(segment), &taken) : KT_ENOMEM;
        free(zeros);
    }
    return err ? err : kt_segment_close(segment);
}

static kt_err_t
gather(bench_t *self, const float *samples, size_t n, size_t *count)
{
    kt_segment_t    *segment  = NULL;
    kt_rhythm_rows_t rows     = {0};
    kt_evidence_t    evidence = {0};
    kt_err_t         err      = kt_segment_new(&segment, self->analysis, self->device, KT_SEGMENT_SECONDS,
                                               KT_READS(KT_MATRIX_CHROMA) | KT_READS_SAMPLES);
    if (!err)
        err = fill_segment(segment, samples, n);
    if (!err)
        err = kt_rhythm_rows_add(&rows, self->device, self->envelope, segment);
    if (!err)
        err = kt_evidence_new(&evidence, &rows, 0, n / kt_plan_opts(self->envelope)->hop + 1);
    if (!err)
        err = kt_evidence_compare(&evidence);
    *count = err ? 0 : kt_meters_gather(&evidence, self->meters);
    kt_evidence_fini(&evidence);
    kt_rhythm_rows_fini(&rows);
    kt_segment_destroy(&segment);
    return err;
}

static void
print(const bench_t *self, const char *path, size_t count)
{
    const char *slash = strrchr(path, '/');
    printf("{\"file\":\"%s\",\"names\":[", slash ? slash + 1 : path);
    for (size_t f = 0; f < KT_METER_FEATURES; f++)
        printf("%s\"%s\"", f ? "," : "", NAMES[f]);
    printf("],\"hypotheses\":[");
    for (size_t h = 0; h < count; h++) {
        printf("%s[%.9g,%d", h ? "," : "", self->meters[h].period, self->meters[h].signature);
        for (size_t f = 0; f < KT_METER_FEATURES; f++)
            printf(",%.9g", self->meters[h].feature[f]);
        printf("]");
    }
    printf("]}\n");
}

int
main(int argc, char **argv)
{
    static bench_t           self;
    const kt_frontend_opts_t opts = {
        .rate_hz = RATE_HZ, .n_fft = 2048, .hop = 512, .n_mels = 128, .n_mfcc = 13, .n_chroma = 12};
    int failed = kithara_open(&self.library, NULL) || kt_plan_new(&self.analysis, &opts) ||
                 kt_envelope_plan(&self.envelope, RATE_HZ) || kt_device_cpu(&self.device, NULL);
    for (int i = 1; i < argc && !failed; i++) {
        float *samples = NULL;
        size_t n, count;
        if (kithara_read_mono(self.library, argv[i], RATE_HZ, 0, KT_SEGMENT_SECONDS, &samples, &n)) {
            fprintf(stderr, "%s: %s\n", argv[i], kithara_why());
            continue;
        }
        failed = gather(&self, samples, n, &count) != KT_OK;
        kithara_free(samples);
        print(&self, argv[i], count);
    }
    kt_device_destroy(&self.device);
    kt_plan_destroy(&self.envelope);
    kt_plan_destroy(&self.analysis);
    kithara_close(&self.library);
    return failed;
}
