// What the files of kt_catalogue share. Private to models/catalogue.
#pragma once

#include "models/catalogue/catalogue.h"

enum { KT_EXTRACTION_AUDIO = 5 };

// feature_extraction; 0: not stated.
typedef struct kt_extraction {
    int64_t audio[KT_EXTRACTION_AUDIO];  // in the order of KT_EXTRACTION
    double  frame_sample_rate;
    int64_t max_frames, resize[2];
} kt_extraction_t;

// A member of feature_extraction.audio and the setting that it repeats.
typedef struct kt_extraction_row {
    const char *key, *env;
    size_t      offset;  // of the int64_t in kt_settings_t
} kt_extraction_row_t;

extern const kt_extraction_row_t KT_EXTRACTION[KT_EXTRACTION_AUDIO];

struct kt_catalogue {
    kt_catalogue_model_t *models[KT_CATALOGUE_MODELS];  // in the order of the file
    size_t                n;
    kt_extraction_t       extraction;
};

// Also used for names and versions that come from elsewhere.
bool kt_catalogue_is_name(const char *text);     // lower-case letters, digits and '_'; at most 63
bool kt_catalogue_is_version(const char *text);  // MAJOR.MINOR.PATCH
bool kt_catalogue_is_path(const char *text);     // relative, stays below the folder

// States the number of outputs of a model, if it is there.
void kt_catalogue_expect(kt_catalogue_t *self, const char *name, int64_t outputs);
// A new model without versions. KT_EFULL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_catalogue_add(kt_catalogue_t *self, const char *type, const char *name,
                                      kt_catalogue_model_t **out);
