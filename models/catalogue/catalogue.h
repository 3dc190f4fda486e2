// kt_catalogue -- the models of a folder (ANALYZER_MODEL_PATH), as its models.yml lists them: the specification's form,
// read with libyaml. A version that is deployed is one that new files use; others are kept for rollback. Pure data:
// no model file is opened. One thread.
//
//   models:
//     audio:
//       genre_classifier:
//         version: "1.1.0"                        # deployed; absent: none
//         path: "genre_classifier_v1.1.0.ktm"     # below the folder
//         sha256: "..."                           # absent: not checked
//         input_shape: [100]                      # absent: not checked
//         output_classes: 13                      # or output_dimensions; absent: not checked
//         versions:                               # more that are installed, newest deployment last
//           - {version: "1.0.0", path: "...", sha256: "...", status: replaced}   # or registered, retired
//   feature_extraction:                           # checked against the settings: kt_catalogue_differs
//     audio: {sample_rate: 22050, hop_length: 512, n_mfcc: 13, n_chroma: 12, n_fft: 2048}
//     video: {frame_sample_rate: 1.0, max_frames: 300, resize_resolution: [224, 224]}   # the first two hold
//
// An unknown key, a duplicate, a value of another form or a path that leaves the folder makes the whole text invalid.
// What only the files can show (missing, wrong digest, classes that do not fit) concerns one model: kt_model_set_open.
#pragma once

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_catalogue kt_catalogue_t;

enum { KT_CATALOGUE_MODELS = 256, KT_CATALOGUE_VERSIONS = 64, KT_CATALOGUE_BYTES = 1 << 20, KT_CATALOGUE_WHY = 256 };

// REPLACED: was deployed, and is what a rollback returns to. RETIRED: cannot be deployed.
typedef enum kt_model_status {
    KT_MODEL_REGISTERED,
    KT_MODEL_DEPLOYED,
    KT_MODEL_REPLACED,
    KT_MODEL_RETIRED
} kt_model_status_t;

typedef struct kt_catalogue_version {
    char              version[32];
    char              path[256];  // below the folder; no ".."
    kt_digest_t       digest;     // zero: not stated
    kt_model_status_t status;
} kt_catalogue_version_t;

typedef struct kt_catalogue_model {
    char                   name[64], type[16];  // "audio" or "video"
    int                    rank;                // of input_shape; 0: not stated
    int64_t                input_shape[6];
    int64_t                outputs;  // output_classes or output_dimensions; 0: not stated
    size_t                 n_versions;
    kt_catalogue_version_t versions[KT_CATALOGUE_VERSIONS];  // in the order of their last registration or deployment
    int                    deployed;                         // index: the last one; -1: none
} kt_catalogue_model_t;

// KT_ENOFILE: no models.yml. KT_ECATALOGUE: not valid; why: "models.yml line 12: ...". KT_ENOMEM, KT_EIO.
KT_MUST_USE kt_err_t kt_catalogue_read(kt_catalogue_t **self_p, const char *folder, char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_catalogue_parse(kt_catalogue_t **self_p, const char *text, size_t length,
                                        char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_catalogue_new(kt_catalogue_t **self_p);  // empty
void                 kt_catalogue_destroy(kt_catalogue_t **self_p);
void                 kt_catalogue_print(const kt_catalogue_t *self, kt_buf_t *out);  // as models.yml; out->err
// Writes models.yml beside the old one and renames it. KT_EIO, KT_EDISK, KT_EWRITE.
KT_MUST_USE kt_err_t kt_catalogue_write(const kt_catalogue_t *self, const char *folder);

const char                 *kt_model_status_name(kt_model_status_t status);
size_t                      kt_catalogue_count(const kt_catalogue_t *self);
const kt_catalogue_model_t *kt_catalogue_at(const kt_catalogue_t *self, size_t index);
const kt_catalogue_model_t *kt_catalogue_find(const kt_catalogue_t *self, const char *name);
// Which pictures of a film are sampled: feature_extraction.video. 0: not stated, KT_SAMPLE_HZ and KT_SAMPLE_MAX.
typedef struct kt_sampling {
    double  hz;    // frame_sample_rate
    int64_t most;  // max_frames, of a film
} kt_sampling_t;
#define KT_SAMPLE_HZ 1.0
enum { KT_SAMPLE_MAX = 300 };
kt_sampling_t kt_catalogue_sampling(const kt_catalogue_t *self);
void          kt_catalogue_sample(kt_catalogue_t *self, const kt_sampling_t *sampling);  // states it
// SHA-256 over name, version and digest of all deployed versions, sorted by name, and the sampling where it is stated;
// zero: none is deployed and no sampling is stated.
void kt_catalogue_digest(const kt_catalogue_t *self, kt_digest_t *out);

// The deployed version; NULL: none.
const kt_catalogue_version_t *kt_catalogue_deployed(const kt_catalogue_model_t *model);
const kt_catalogue_version_t *kt_catalogue_version(const kt_catalogue_model_t *model, const char *version);

// Members of feature_extraction.audio that differ from the settings, and a resize_resolution that is not the size which
// a deployed model of pictures has in its input_shape, as one line in why; false: none differs. The node's settings
// decide; the preprocessing of a model is in its file.
bool kt_catalogue_differs(const kt_catalogue_t *self, const kt_settings_t *settings, char why[KT_CATALOGUE_WHY]);

// Changes, in memory. KT_ENOTFOUND, KT_EFULL, KT_ENOMEM; KT_EINVAL: not possible (why says why). A rollback deploys the
// version that was replaced last; the present one becomes REGISTERED, so that a second rollback goes further back. A
// deployed version cannot be retired.
KT_MUST_USE kt_err_t kt_catalogue_register(kt_catalogue_t *self, const char *type, const char *name,
                                           const kt_catalogue_version_t *version, char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_catalogue_deploy(kt_catalogue_t *self, const char *name, const char *version,
                                         char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_catalogue_rollback(kt_catalogue_t *self, const char *name, char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_catalogue_retire(kt_catalogue_t *self, const char *name, const char *version,
                                         char why[KT_CATALOGUE_WHY]);
