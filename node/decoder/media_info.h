// kt_media_info -- what FFmpeg reports about an opened file, as node/decode/media_info.h.
#pragma once

#include "node/decode/protocol.h"
#include "node/decoder/media.h"

// first: the first decoded frame, which overrides the container (AAC with spectral band replication declares half its
// rate there); NULL if nothing could be decoded. All texts are valid UTF-8.
void kt_media_info_fill(kt_media_info_t *out, const kt_media_t *media, const kt_sniffed_t *sniffed,
                        const AVFrame *first);
