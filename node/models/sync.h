// kt_model_sync -- the model set of a node, and its way from the coordinator to here. A thread fetches the files that
// are missing, in parts, checks each SHA-256 and opens the new set; whatever fails leaves the set as it is and is tried
// again. The files lie in the node's own folder below its state folder; a node whose ANALYZER_MODEL_PATH already holds
// the coordinator's set uses that one. Without a catalogue at the coordinator, ANALYZER_MODEL_PATH is used.
#pragma once

#include "models/catalogue/model_set.h"
#include "proto/wire.h"

typedef struct kt_model_sync kt_model_sync_t;

enum { KT_MODEL_SYNC_RETRY_MS = 30000 };

typedef struct kt_model_sync_opts {
    const char            *own;    // ANALYZER_MODEL_PATH
    const char            *cache;  // the node's folder; made when it is needed
    const kt_model_opts_t *model;  // NULL: defaults
} kt_model_sync_opts_t;

// A part that is to be asked for.
typedef struct kt_model_want {
    kt_digest_t digest;
    uint64_t    offset;
} kt_model_want_t;

// Opens the set that was used last. KT_ENOMEM, KT_ESYSTEM, KT_EINVAL (a path is too long).
KT_MUST_USE kt_err_t kt_model_sync_new(kt_model_sync_t **self_p, const kt_model_sync_opts_t *opts);
void                 kt_model_sync_destroy(kt_model_sync_t **self_p);

// Any thread. The present set, held: release it.
kt_model_set_t *kt_model_sync_set(kt_model_sync_t *self);
// Digest of the present set, as the coordinator computes it. False: it is not a coordinator's.
bool kt_model_sync_digest(kt_model_sync_t *self, kt_digest_t *out);

// Link thread. The set that is to be used from now on. A message that is not valid is logged and dropped.
void kt_model_sync_models(kt_model_sync_t *self, const kt_msg_models_t *msg);
void kt_model_sync_part(kt_model_sync_t *self, const kt_msg_part_t *msg);
// Readable when kt_model_sync_wants has news.
int kt_model_sync_fd(kt_model_sync_t *self);
// What is wanted now; false: nothing. *news: it is another part than before, or the set has changed.
bool kt_model_sync_wants(kt_model_sync_t *self, kt_model_want_t *out, bool *news);
