// Plays the coordinator of a kt_model_sync_t: small model files in memory, the messages MODELS and PART of them.
#pragma once

#include "common/digest.h"
#include "models/catalogue/catalogue.h"
#include "node/models/sync.h"

enum { SOURCE_MODELS = 4 };

typedef struct model_source {
    size_t n;
    struct {
        char        name[64], version[32];
        uint8_t    *bytes;
        size_t      length;
        kt_digest_t digest;
    } at[SOURCE_MODELS];
    kt_digest_t     digest;  // of the set
    kt_sampling_t   sampling;
    kt_wire_model_t items[SOURCE_MODELS];
    size_t          part_bytes;  // of a PART; 0: the whole file
} model_source_t;

void model_source_add(model_source_t *self, const char *name, const char *version);
void model_source_sample(model_source_t *self, double hz, int64_t most);
void model_source_fini(model_source_t *self);
// Borrow from self.
kt_msg_t model_source_models(model_source_t *self);
kt_msg_t model_source_part(const model_source_t *self, const kt_model_want_t *want);

// Waits at most ten seconds for news, which it takes. False: nothing is wanted now.
bool sync_wants(kt_model_sync_t *sync, kt_model_want_t *want);
// Answers what is wanted until nothing is.
void sync_feed(kt_model_sync_t *sync, const model_source_t *source);
// A folder for one test; removed with all its content.
void sync_folder_make(char folder[64]);
void sync_folder_remove(const char *folder);
