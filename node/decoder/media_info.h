// kt_facts -- what FFmpeg knows about an opened file, in the words of node/decode/client.h.
#pragma once

#include "node/decode/protocol.h"
#include "node/decoder/media.h"

// first: the first decoded frame, which knows better than the container (AAC with spectral band replication says half
// its rate there); NULL if nothing could be decoded. All texts come out as valid UTF-8.
void kt_facts_fill(kt_facts_t *out, const kt_media_t *media, const kt_sniffed_t *sniffed, const AVFrame *first);
