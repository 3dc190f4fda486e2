// kt_times_put_back -- times of the sound in the document, which count what the tracks were given, become times of the
// file: what was left out as damaged (kt_media_counts_t.gap) is added again.
#pragma once

#include "node/decode/media_info.h"
#include "proto/document.h"

void kt_times_put_back(kt_document_t *document, const kt_media_counts_t *counts);
