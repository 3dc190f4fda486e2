#include "coordinator/cli/tag/sound_digest.h"

#include "common/text.h"

#include <string.h>

enum { CPU_S = 300, WALL_S = 900 };

kt_err_t
kt_sound_digest(kt_decode_server_t *server, const kt_settings_t *settings, int fd, uint8_t out[KT_MEDIA_DIGEST],
                kt_media_info_t *info, char why[KT_SOUND_WHY])
{
    const kt_decode_want_t   want   = {.digest = 1};
    const kt_decode_limits_t limits = {.memory_bytes   = (uint64_t)settings->decoder_memory_mb << 20,
                                       .cpu_s          = CPU_S,
                                       .stall_ms       = WALL_S * 1000,  // nothing comes before the end
                                       .wall_s         = WALL_S,
                                       .max_duration_s = (double)settings->max_duration_s,
                                       .search_bytes   = (uint64_t)settings->decoder_search_kb << 10};
    kt_decoded_t             end;
    kt_decode_t             *decode = NULL;
    kt_err_t                 err    = kt_decode_open(server, fd, &limits, &want, &decode);
    if (!err)
        err = kt_decode_media_info(decode, info);
    if (!err)
        err = kt_decode_read(decode, &end);
    if (err)
        (void)kt_text_copy(why, KT_SOUND_WHY, decode ? kt_decode_why(decode) : "");
    else if (kt_decode_counts(decode)->audio.packets == 0)
        err = KT_ENOAUDIO;
    else
        memcpy(out, kt_decode_counts(decode)->sound_digest, KT_MEDIA_DIGEST);
    kt_decode_close(&decode);
    return err;
}
