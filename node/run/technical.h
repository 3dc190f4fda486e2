// kt_technical -- the technical group of the document: facts of the container and its streams, each from the header
// where that can be trusted, and counted where not. `methods` in the message says which: header, time stamps, packets
// or decoded.
#pragma once

#include "node/decode/media_info.h"
#include "proto/document.h"

typedef struct kt_technical {
    const kt_media_info_t   *info;
    const kt_media_counts_t *counts;      // zero: nothing has been counted (raw samples, or before the end of a stream)
    double                   content_s;   // of decoded content, where nothing has been counted; 0: none
    int64_t                  size_bytes;  // of the file; -1: a stream has none
    bool                     sound_wanted, pictures_wanted;  // for warnings: what should have been decoded
} kt_technical_t;

double kt_technical_sound_s(const kt_technical_t *facts);  // length of the sound; 0: not believed
void   kt_technical_write(kt_document_t *document, const kt_technical_t *facts);
