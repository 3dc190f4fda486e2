// kt_sound_digest -- whether two files hold the same sound: a digest over the packets that the sandboxed decoder finds,
// with their time stamps, without decoding them. One thread.
#pragma once

#include "common/settings.h"
#include "node/decode/client.h"

enum { KT_SOUND_WHY = 256 };

// info: what else the file has. KT_ENOAUDIO: no packet. Errors as of kt_decode_read, with why.
KT_MUST_USE kt_err_t kt_sound_digest(kt_decode_server_t *server, const kt_settings_t *settings, int fd,
                                     uint8_t out[KT_MEDIA_DIGEST], kt_media_info_t *info, char why[KT_SOUND_WHY]);
