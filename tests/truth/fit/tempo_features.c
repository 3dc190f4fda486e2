// The features of all hypotheses of tempo and meter (node/audio/rhythm/tempo.h), for tempo.py: one line of JSON per
// file. Up to the first ten minutes of each. With a folder of models, for activations.py, what that of beats says too.
//   tempo_features [--models FOLDER] FILE...
//   {"file": NAME, "names": [...], "activations": [...], "hypotheses": [[period, signature, feature, ...,
//   activation, ...], ...]}
#include "node/audio/rhythm/tempo.h"
#include "tests/truth/fit/rhythm_evidence.h"

#include <stdio.h>
#include <string.h>

static const char *const NAMES[KT_METER_FEATURES] = {
#define KT_WEIGHT(name, weight, meaning) #name,
#include "node/audio/rhythm/weights.def"
#undef KT_WEIGHT
};

static const char *const ACTIVATIONS[KT_ACTIVATIONS] = {
#define KT_ACTIVATION(name, weight, meaning) #name,
#include "node/audio/rhythm/activation_weights.def"
#undef KT_ACTIVATION
};

static void
print(const char *path, const kt_meter_t *meters, size_t count, bool heard)
{
    printf("{\"file\":\"%s\",\"names\":[", rhythm_evidence_name(path));
    for (size_t f = 0; f < KT_METER_FEATURES; f++)
        printf("%s\"%s\"", f ? "," : "", NAMES[f]);
    printf("],\"activations\":[");
    for (size_t f = 0; f < KT_ACTIVATIONS && heard; f++)
        printf("%s\"%s\"", f ? "," : "", ACTIVATIONS[f]);
    printf("],\"hypotheses\":[");
    for (size_t h = 0; h < count; h++) {
        printf("%s[%.9g,%d", h ? "," : "", meters[h].period, meters[h].signature);
        for (size_t f = 0; f < KT_METER_FEATURES; f++)
            printf(",%.9g", meters[h].feature[f]);
        for (size_t f = 0; f < KT_ACTIVATIONS && heard; f++)
            printf(",%.9g", meters[h].activation[f]);
        printf("]");
    }
    printf("]}\n");
}

int
main(int argc, char **argv)
{
    static kt_meter_t meters[KT_METER_HYPOTHESES];
    rhythm_evidence_t source = {0};
    const int         first  = argc > 2 && !strcmp(argv[1], "--models") ? 3 : 1;
    kt_err_t          err    = rhythm_evidence_open(&source, first == 3 ? argv[2] : NULL);
    for (int i = first; i < argc && !err; i++) {
        kt_evidence_t evidence = {0};
        size_t        count    = 0;
        err                    = rhythm_evidence_of(&source, argv[i], &evidence);
        if (!err)
            err = kt_meters_gather(&evidence, meters, &count);
        if (!err)
            print(argv[i], meters, count, source.models != NULL);
        kt_evidence_fini(&evidence);
        err = err == KT_ENOTFOUND ? KT_OK : err;
    }
    rhythm_evidence_close(&source);
    return err != KT_OK;
}
