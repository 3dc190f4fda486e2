// rhythm_evidence -- the evidence of a file's rhythm (node/audio/rhythm/evidence.h), for the tools that print features.
// With a folder of models it has the activations of that of beats.
#pragma once

#include "lib/kithara.h"
#include "models/catalogue/model_set.h"
#include "node/audio/rhythm/evidence.h"

typedef struct rhythm_evidence {
    kithara_t      *library;
    kt_device_t    *device;
    kt_plan_t      *analysis, *envelope;
    kt_bass_t      *bass;
    kt_model_set_t *models;  // NULL: none
} rhythm_evidence_t;

KT_MUST_USE kt_err_t rhythm_evidence_open(rhythm_evidence_t *self, const char *models);  // NULL: none
void                 rhythm_evidence_close(rhythm_evidence_t *self);
// Of up to the first ten minutes of a file, compared. kt_evidence_fini() it. KT_ENOTFOUND: it cannot be read; printed.
KT_MUST_USE kt_err_t rhythm_evidence_of(rhythm_evidence_t *self, const char *path, kt_evidence_t *out);
const char          *rhythm_evidence_name(const char *path);  // without its folders
