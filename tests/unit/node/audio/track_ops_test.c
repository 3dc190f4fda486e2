// The audio track as a row of the table of tracks: the same features and stages as by its own functions.
#include "common/buf.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 44100, FRAMES = RATE * 3 + 7 };

static const kt_track_ops_t *const ops = &kt_audio_track;

TestSuite(track_ops, .init = ax_open, .fini = ax_close, .timeout = 60);

static const kt_media_info_t AUDIO = {.has_audio = true, .rate_hz = RATE, .channels = 2, .layout = "stereo"};
static const kt_media_info_t FILM  = {.has_video = true};

static void *
open_track(const kt_media_info_t *media_info, uint32_t options)
{
    void           *track = NULL;
    kt_track_opts_t opts  = {.plan = ax_plan, .device = ax_device, .media_info = media_info, .options = options};
    cr_assert_eq(ops->new (&track, &opts), KT_OK);
    return track;
}

static char *
finish_track(void *track, uint32_t options)
{
    char           why[KT_DOCUMENT_WHY] = "";
    kt_job_t       job                  = {.message_id = "m", .file_path = "/a", .options = options};
    kt_document_t *document             = NULL;
    kt_stamp_t     stamp                = {0};
    kt_buf_t       out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    cr_assert_eq(ops->finish(track, document), KT_OK);
    cr_assert_eq(kt_document_finish(document, &stamp, &out, why), KT_OK, "%s", why);
    kt_document_destroy(&document);
    return kt_buf_take(&out, NULL);
}

static void
count_stage(void *context, const char *name, int64_t us)
{
    size_t *n = context;
    cr_assert(us >= 0 && !strncmp(name, "audio_", 6), "%s", name);
    if (*n == 0)
        cr_assert_str_eq(name, "audio_resample");
    if (*n == 1)
        cr_assert_str_eq(name, "audio_spectral");
    ++*n;
}

static uint64_t
bytes_of(const kt_media_info_t *media_info, double seconds)
{
    kt_track_opts_t opts = {.plan = ax_plan, .media_info = media_info, .options = KT_OPTION_ALL};
    return ops->bytes(&opts, seconds);
}

Test(track_ops, chunks_give_the_message_of_the_analysis)
{
    float      *pcm      = ax_noise((size_t)FRAMES * 2, 4);
    ax_result_t direct   = ax_analyse(pcm, FRAMES, RATE, 2, KT_OPTION_ALL, 0, 0);
    void       *track    = open_track(&AUDIO, KT_OPTION_ALL);
    size_t      n_stages = 0;
    for (size_t at = 0, n; at < FRAMES; at += n) {
        n                = FRAMES - at < 1000 ? FRAMES - at : 1000;
        kt_chunk_t chunk = {.track = KT_TRACK_AUDIO, .audio = {.pcm = pcm + 2 * at, .frames = n}};
        cr_assert_eq(ops->push(track, &chunk), KT_OK);
    }
    char *text = finish_track(track, KT_OPTION_ALL);
    cr_assert_not_null(strstr(text, "\"rms\":"));
    cr_assert_str_eq(text, direct.text);
    ops->stages(track, count_stage, &n_stages);
    cr_assert_gt(n_stages, 2);
    ops->destroy(&track);
    cr_assert_null(track);
    free(text);
    free(direct.text);
    free(pcm);
}

Test(track_ops, a_film_without_audio_needs_no_memory_and_gets_reasons)
{
    cr_assert_eq(bytes_of(&FILM, 60), 0);
    cr_assert(ops->wanted(KT_OPTION_SPECTRAL, &FILM));
    void *track = open_track(&FILM, KT_OPTION_ALL);
    char *text  = finish_track(track, KT_OPTION_ALL);
    cr_assert_not_null(strstr(text, "\"rms\":null"));
    cr_assert_not_null(strstr(text, "\"spectral\":\"no sound\""), "%s", text);
    ops->destroy(&track);
    free(text);
}

Test(track_ops, sound_that_cannot_be_decoded_gives_its_reason)
{
    static const kt_media_info_t broken = {
        .has_audio = true, .rate_hz = RATE, .channels = 2, .layout = "stereo", .audio_why = "no decoder for it"};
    void *track = open_track(&broken, KT_OPTION_ALL & ~KT_OPTION_MIR);
    char *text  = finish_track(track, KT_OPTION_ALL & ~KT_OPTION_MIR);
    cr_assert_eq(bytes_of(&broken, 60), 0);
    cr_assert_not_null(strstr(text, "\"spectral\":\"no decoder for it\""), "%s", text);
    cr_assert_not_null(strstr(text, "\"quality\":\"no decoder for it\""), "%s", text);
    cr_assert_null(strstr(text, "\"mir\":\"no decoder for it\""), "%s", text);
    ops->destroy(&track);
    free(text);
}

Test(track_ops, it_is_requested_by_the_options_of_its_features)
{
    cr_assert_not(ops->wanted(0, &AUDIO));
    cr_assert(ops->wanted(KT_OPTION_QUALITY, &AUDIO));
}

Test(track_ops, its_memory_grows_with_the_length_and_is_the_most_where_that_is_unknown)
{
    uint64_t minute = bytes_of(&AUDIO, 60), hour = bytes_of(&AUDIO, 3600);
    cr_assert_lt(minute, hour);
    cr_assert_geq(bytes_of(&AUDIO, 0), hour);
}

Test(track_ops, the_sound_of_a_long_film_has_short_segments)
{
    static const struct {
        bool     film;
        double   duration_s;
        uint32_t segment_s;
    } rows[] = {{false, 0, 600},  {false, 60, 600},   {false, 7200, 600}, {true, 60, 600},
                {true, 600, 600}, {true, 600.1, 150}, {true, 7200, 150},  {true, 0, 150}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const kt_media_info_t info = {.has_audio  = true,
                                      .has_video  = rows[i].film,
                                      .rate_hz    = RATE,
                                      .channels   = 2,
                                      .duration_s = rows[i].duration_s};
        cr_expect_eq(kt_audio_segment_seconds(&info), rows[i].segment_s, "row %zu", i);
    }
    kt_media_info_t film = AUDIO;
    film.has_video       = true;
    film.duration_s      = 7200;
    cr_expect_lt(bytes_of(&film, 7200), bytes_of(&AUDIO, 7200) / 2);
}

Test(track_ops, tracks_that_do_not_adjoin_are_not_merged)
{
    void *track = open_track(&AUDIO, KT_OPTION_ALL), *other = open_track(&AUDIO, KT_OPTION_ALL);
    cr_assert_eq(ops->merge(track, &other), KT_EINVAL);
    cr_assert_not_null(other);
    ops->destroy(&track);
    ops->destroy(&other);
}
