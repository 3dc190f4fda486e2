// kt_media_info -- what FFmpeg reports about an opened file, as node/decode/media_info.h.
#pragma once

#include "node/decode/protocol.h"
#include "node/decoder/id3.h"
#include "node/decoder/media.h"

// sound, picture: the first decoded frame of each, which override the container (AAC with spectral band replication
// declares half its rate there); NULL if none has been decoded. All texts are valid UTF-8.
void kt_media_info_fill(kt_media_info_t *out, const kt_media_t *media, const kt_sniffed_t *sniffed, const kt_id3_t *id3,
                        const AVFrame *sound, const AVFrame *picture);
