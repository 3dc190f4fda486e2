// The digest of the packets of the sound: equal for the same sound whatever the tags, another for other sound.
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(packet_digest, .init = fx_open, .fini = fx_close);

static void
digest_of(const char *name, uint8_t out[KT_MEDIA_DIGEST])
{
    const kt_decode_want_t want = {.digest = 1};
    kt_media_info_t        info;
    kt_decoded_t           piece;
    kt_decode_t           *self = NULL;
    int                    fd   = open(fx_path(name), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", name);
    cr_assert_eq(kt_decode_open(fx_server, fd, &FX_LIMITS, &want, &self), KT_OK);
    close(fd);
    cr_assert_eq(kt_decode_media_info(self, &info), KT_OK, "%s: %s", name, kt_decode_why(self));
    cr_assert_eq(kt_decode_read(self, &piece), KT_OK);
    cr_assert_eq(piece.kind, KT_DECODED_END, "nothing is decoded");
    cr_assert_gt(kt_decode_counts(self)->audio.packets, 1);
    memcpy(out, kt_decode_counts(self)->sound_digest, KT_MEDIA_DIGEST);
    kt_decode_close(&self);
}

Test(packet_digest, tags_do_not_change_it_and_other_sound_does)
{
    static const char *const NAMES[] = {"a.mp3", "a.flac", "a.m4a", "a.ogg", "a.wav"};
    uint8_t                  first[KT_MEDIA_DIGEST], tagged[KT_MEDIA_DIGEST], other[KT_MEDIA_DIGEST];
    const uint8_t            zero[KT_MEDIA_DIGEST] = {0};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char copy[64], command[128];
        snprintf(copy, sizeof copy, "tagged_%s", NAMES[i]);
        snprintf(command, sizeof command, "-i %s -c copy -metadata title=longer_than_before", fx_path(NAMES[i]));
        fx_ffmpeg("-f lavfi -i sine=300:d=1", NAMES[i]);
        fx_ffmpeg(command, copy);
        snprintf(copy, sizeof copy, "other_%s", NAMES[i]);
        fx_ffmpeg("-f lavfi -i sine=301:d=1", copy);
        digest_of(NAMES[i], first);
        digest_of(copy, other);
        snprintf(copy, sizeof copy, "tagged_%s", NAMES[i]);
        digest_of(copy, tagged);
        cr_expect_arr_neq(first, zero, sizeof zero, "%s", NAMES[i]);
        cr_expect_arr_eq(first, tagged, sizeof first, "%s", NAMES[i]);
        cr_expect_arr_neq(first, other, sizeof first, "%s", NAMES[i]);
    }
}
