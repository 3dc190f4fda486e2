#include "node/audio/models/models.h"
#include "tests/unit/node/audio/models/models_fixture.h"
#include "tests/unit/node/audio/track_fixture.h"
#include "tests/unit/node/audio/values.h"

#include <stdlib.h>
#include <string.h>

TestSuite(audio_models, .init = mo_make, .fini = mo_remove);

enum { RATE = 16000, SECONDS = 20, FRAMES = RATE * SECONDS, SOME = 2 * RATE };

// Noise that swells, so that no two blocks are alike.
static float *
sound(size_t n)
{
    float *pcm = ax_noise(n, 5);
    for (size_t i = 0; i < n; i++)
        pcm[i] *= (float)(0.02 + 0.5 * pow(sin((double)i / RATE), 2));
    return pcm;
}

static kt_audio_models_t *
opened(kt_model_set_t *set, uint32_t options, size_t patches)
{
    kt_audio_models_opts_t opts = {
        .set = set, .patches = patches, .rate_hz = RATE, .channels = 1, .options = options, .end = UINT64_MAX};
    kt_audio_models_t *self = NULL;
    cr_assert_eq(kt_audio_models_new(&self, &opts), KT_OK);
    return self;
}

static char *
written(kt_audio_models_t *self, uint32_t options)
{
    kt_job_t       job                  = {.message_id = "m", .file_path = "/a", .options = options};
    kt_stamp_t     stamp                = {0};
    kt_document_t *document             = NULL;
    char           why[KT_DOCUMENT_WHY] = "";
    kt_buf_t       out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_audio_models_close(self), KT_OK);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    kt_audio_models_write(self, document);
    cr_assert_eq(kt_document_finish(document, &stamp, &out, why), KT_OK, "%s", why);
    kt_document_destroy(&document);
    return kt_buf_take(&out, NULL);
}

// The message of a whole stream in chunks of this many frames.
static char *
analysed(kt_model_set_t *set, const float *pcm, size_t frames, uint32_t options, size_t patches, size_t chunk)
{
    kt_audio_models_t *self = opened(set, options, patches);
    for (size_t at = 0, n; at < frames; at += n) {
        n = frames - at < chunk ? frames - at : chunk;
        cr_assert_eq(kt_audio_models_push(self, pcm + at, n), KT_OK);
    }
    char *text = written(self, options);
    kt_audio_models_destroy(&self);
    return text;
}

static void
assert_has(const char *text, const char *part)
{
    const char *from = strstr(text, "\"methods\"");
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, from ? from : text);
}

Test(audio_models, features_methods_and_versions_come_from_the_files)
{
    kt_model_set_t *set  = mf_open(&(mf_opts_t){0});
    float          *pcm  = sound(FRAMES);
    char           *text = analysed(set, pcm, FRAMES, KT_OPTION_ALL, 8, FRAMES);
    cr_assert_gt(number_of(text, "features.mir.genre_probabilities.jazz"), 0, "%s", strstr(text, "genre_prob"));
    cr_assert_gt(number_of(text, "features.mood.arousal"), 0);
    cr_assert(isfinite(number_of(text, "features.perceptual.speechiness")));
    assert_has(text, "\"genre_probabilities\":\"model:genre_classifier 1.0.0\"");
    assert_has(text, "\"model_versions\":{");
    assert_has(text, "\"tags\":\"1.0.0\"");
    assert_has(text, "\"instruments\":\"model instrument_classifier is not installed\"");
    assert_has(text, "\"kind\":");
    free(text);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, the_cut_into_pushes_changes_no_byte)
{
    kt_model_set_t *set  = mf_open(&(mf_opts_t){0});
    float          *pcm  = sound(FRAMES);
    char           *once = analysed(set, pcm, FRAMES, KT_OPTION_ALL, 8, FRAMES);
    for (size_t chunk = 1000; chunk < 20000; chunk += 6007) {
        char *cut = analysed(set, pcm, FRAMES, KT_OPTION_ALL, 8, chunk);
        cr_assert_str_eq(cut, once);
        free(cut);
    }
    free(once);
    free(pcm);
    kt_model_set_release(&set);
}

// Rows of a per-frame output in short windows and in one long run.
static void
assert_windows_change_nothing(const char *output, size_t width)
{
    float            *pcm  = sound(FRAMES), *rows[2];
    const int         at[] = {7, 50000};
    kt_model_series_t series;
    size_t            n = 0;
    for (int i = 0; i < 2; i++) {
        kt_model_set_t    *set  = mf_open(&(mf_opts_t){.window = at[i]});
        kt_audio_models_t *self = opened(set, KT_OPTION_ALL, 8);
        bool               there;
        cr_assert_eq(kt_audio_models_request(self, output, &there), KT_OK);
        cr_assert(there);
        cr_assert_eq(kt_audio_models_push(self, pcm, FRAMES), KT_OK);
        cr_assert_eq(kt_audio_models_close(self), KT_OK);
        cr_assert(kt_audio_models_series(self, output, &series));
        cr_assert_float_eq(series.rows_per_s, 100, 1e-9);
        cr_assert(series.width == width && (i == 0 || series.rows == n), "%zu rows after %zu", series.rows, n);
        n       = series.rows;
        rows[i] = malloc(n * width * sizeof *rows[i]);
        memcpy(rows[i], series.values, n * width * sizeof *rows[i]);
        kt_audio_models_destroy(&self);
        kt_model_set_release(&set);
    }
    cr_assert_eq(n, 1 + (FRAMES / 2 - 256) / 80);
    for (size_t i = 0; i < n * width; i++)
        cr_assert_float_eq(rows[0][i], rows[1][i], 1e-6, "value %zu", i);
    free(rows[0]);
    free(rows[1]);
    free(pcm);
}

Test(audio_models, windows_with_context_give_the_rows_of_one_long_run)
{
    assert_windows_change_nothing("events", 3);
}

Test(audio_models, states_pass_from_block_to_block)
{
    assert_windows_change_nothing("steps", 2);
}

Test(audio_models, an_output_that_no_one_requests_is_not_computed)
{
    kt_model_set_t    *set  = mf_open(&(mf_opts_t){0});
    float             *pcm  = sound(RATE);
    kt_audio_models_t *self = opened(set, KT_OPTION_ALL, 8);
    kt_model_series_t  series;
    bool               there = true;
    cr_assert_eq(kt_audio_models_request(self, "no such output", &there), KT_OK);
    cr_assert_not(there);
    cr_assert_eq(kt_audio_models_push(self, pcm, RATE), KT_OK);
    cr_assert_eq(kt_audio_models_close(self), KT_OK);
    cr_assert_not(kt_audio_models_series(self, "steps", &series));
    kt_audio_models_destroy(&self);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, all_blocks_or_some_spread_evenly_are_seen)
{
    kt_model_set_t *set  = mf_open(&(mf_opts_t){0});
    float          *pcm  = sound(FRAMES);
    double          all  = 0, some[3];
    const size_t    of[] = {64, 8, 1};
    char           *text = analysed(set, pcm, FRAMES, KT_OPTION_ALL, 0, FRAMES);
    all                  = number_of(text, "features.mood.arousal");
    free(text);
    for (int i = 0; i < 3; i++) {
        text    = analysed(set, pcm, FRAMES, KT_OPTION_ALL, of[i], FRAMES);
        some[i] = number_of(text, "features.mood.arousal");
        free(text);
    }
    cr_assert_float_eq(some[0], all, 1e-6);  // 39 blocks: all are kept
    cr_assert_float_eq(some[1], all, 0.1);
    cr_assert_neq(some[2], all);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, less_than_a_second_of_sound_gives_no_value)
{
    const struct {
        size_t begin, frames;  // of the sound, in silence of FRAMES
    } rows[]            = {{0, 0}, {0, RATE / 10}, {FRAMES / 2, RATE}};
    kt_model_set_t *set = mf_open(&(mf_opts_t){0});
    float          *pcm = sound(FRAMES);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float *quiet = calloc(FRAMES, sizeof *quiet);
        memcpy(quiet + rows[i].begin, pcm + rows[i].begin, rows[i].frames * sizeof *quiet);
        char *text = analysed(set, quiet, i ? FRAMES : 0, KT_OPTION_ALL, 8, RATE);
        cr_assert(isnan(number_of(text, "features.mood.arousal")));
        assert_has(text, "\"genre_probabilities\":\"less than a second of sound\"");
        assert_has(text, "\"model_versions\":{}");
        free(text);
        memcpy(quiet + FRAMES / 4, pcm + FRAMES / 4, 2 * RATE * sizeof *quiet);
        text = analysed(set, quiet, FRAMES, KT_OPTION_ALL, 8, RATE);
        cr_assert(isfinite(number_of(text, "features.mood.arousal")));
        free(text);
        free(quiet);
    }
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, a_model_that_is_missing_leaves_the_reason)
{
    static const struct {
        const char *without, *reason;
    } rows[]   = {{"tags", "\"genre_probabilities\":\"model tags: "}, {"events", "\"speechiness\":\"model events: "}};
    float *pcm = sound(SOME);
    for (size_t i = 0; i < 2; i++) {
        kt_model_set_t *set  = mf_open(&(mf_opts_t){.without = rows[i].without});
        char           *text = analysed(set, pcm, SOME, KT_OPTION_ALL, 8, RATE);
        assert_has(text, rows[i].reason);
        cr_assert_eq(isnan(number_of(text, "features.mood.arousal")), i == 0);
        free(text);
        kt_model_set_release(&set);
    }
    free(pcm);
}

Test(audio_models, options_and_an_absent_folder_leave_the_reason)
{
    kt_model_set_t *set  = mf_open(&(mf_opts_t){0});
    float          *pcm  = sound(SOME);
    char           *text = analysed(set, pcm, SOME, KT_OPTION_ALL & ~KT_OPTION_MODELS, 8, RATE);
    assert_has(text, "\"genre_probabilities\":\"use_models is false\"");
    free(text);
    text = analysed(set, pcm, SOME, KT_OPTION_PERCEPTUAL | KT_OPTION_MODELS, 8, RATE);
    assert_has(text, "\"mood\":\"not asked for\"");
    cr_assert(isfinite(number_of(text, "features.perceptual.speechiness")));
    free(text);
    text = analysed(NULL, pcm, SOME, KT_OPTION_ALL, 8, RATE);
    assert_has(text, "\"voice\":\"no models\"");
    free(text);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, a_users_model_takes_the_place_of_a_fallback)
{
    float *pcm = sound(SOME);
    mf_head("mine", "[{'model':'tags','output':'tags'}]", 4, 2,
            "[{'name':'p','value':'y','per':'block','feature':'mir.genre_probabilities','classes':['own','other']}]");
    kt_model_set_t *set  = mf_open(&(mf_opts_t){.more = "    mine: {version: \"1.0.0\", path: mine.ktm}\n"});
    char           *text = analysed(set, pcm, SOME, KT_OPTION_ALL, 8, RATE);
    assert_has(text, "\"genre_probabilities\":{\"own\":");
    assert_has(text, "\"genre_probabilities\":\"model:mine 1.0.0\"");
    cr_assert_null(strstr(text, "\"genre_classifier\""));
    free(text);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, a_genre_is_withheld_where_speech_dominates)
{
    float *pcm = sound(SOME);
    mf_head("talk", "[{'model':'events','output':'events','above':-1}]", 3, 1,
            "[{'name':'s','value':'y','per':'block','feature':'perceptual.speechiness'}]");  // always 1
    kt_model_set_t *set  = mf_open(&(mf_opts_t){.more = "    talk: {version: \"1.0.0\", path: talk.ktm}\n"});
    char           *text = analysed(set, pcm, SOME, KT_OPTION_ALL, 8, RATE);
    assert_has(text, "\"genre_probabilities\":\"speech dominates\"");
    cr_assert(isfinite(number_of(text, "features.mood.arousal")));
    free(text);
    text = analysed(set, pcm, SOME, KT_OPTION_MIR | KT_OPTION_MODELS, 8, RATE);  // though speechiness is not asked for
    assert_has(text, "\"genre_probabilities\":\"speech dominates\"");
    assert_has(text, "\"perceptual\":\"not asked for\"");
    free(text);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, a_genre_is_withheld_where_there_is_no_music)
{
    float *pcm = sound(SOME);
    mf_head("noise", "[{'model':'events','output':'events','above':2}]", 3, 1,
            "[{'name':'m','value':'y','per':'block','feature':'voice.music_share'},"
            "{'name':'s','value':'y','per':'block','feature':'voice.singing_share'}]");  // always 0
    kt_model_set_t *set  = mf_open(&(mf_opts_t){.more = "    noise: {version: \"1.0.0\", path: noise.ktm}\n"});
    char           *text = analysed(set, pcm, SOME, KT_OPTION_ALL, 8, RATE);
    assert_has(text, "\"genre_probabilities\":\"no music was found\"");
    cr_assert(isfinite(number_of(text, "features.mood.arousal")));
    free(text);
    text = analysed(set, pcm, SOME, KT_OPTION_MIR | KT_OPTION_MODELS, 8, RATE);  // though the shares are not asked for
    assert_has(text, "\"genre_probabilities\":\"no music was found\"");
    free(text);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, heads_in_a_circle_and_of_a_wrong_width_fail_alone)
{
    float *pcm = sound(SOME);
    mf_head("one", "[{'model':'two','output':'p'}]", 1, 1,
            "[{'name':'p','value':'y','per':'block','feature':'mood.valence'}]");
    mf_head("two", "[{'model':'one','output':'p'}]", 1, 1, "[{'name':'p','value':'y','per':'block'}]");
    mf_head("wide", "[{'model':'tags','output':'tags'}]", 9, 1,
            "[{'name':'p','value':'y','per':'block','feature':'perceptual.liveness'}]");
    kt_model_set_t *set  = mf_open(&(mf_opts_t){.more = "    one: {version: \"1.0.0\", path: one.ktm}\n"
                                                         "    two: {version: \"1.0.0\", path: two.ktm}\n"
                                                         "    wide: {version: \"1.0.0\", path: wide.ktm}\n"});
    char           *text = analysed(set, pcm, SOME, KT_OPTION_ALL, 8, RATE);
    assert_has(text, "\"mood.valence\":\"model mood_detector does not give it\"");
    assert_has(text, "its sources do not have as many values as it reads");
    cr_assert(isfinite(number_of(text, "features.mood.arousal")));
    free(text);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, the_embedding_is_the_mean_over_the_blocks)
{
    kt_model_set_t    *set  = mf_open(&(mf_opts_t){0});
    float             *pcm  = sound(FRAMES);
    kt_audio_models_t *self = opened(set, KT_OPTION_SIMILARITY | KT_OPTION_MODELS, 8);
    size_t             n;
    char               version[96];
    cr_assert_eq(kt_audio_models_push(self, pcm, FRAMES), KT_OK);
    cr_assert_eq(kt_audio_models_close(self), KT_OK);
    const float *embedding = kt_audio_models_embedding(self, &n, version);
    cr_assert(embedding && n == 4 && isfinite(embedding[3]));
    cr_assert_str_eq(version, "tags 1.0.0");
    kt_audio_models_destroy(&self);
    free(pcm);
    kt_model_set_release(&set);
}

Test(audio_models, their_memory_is_bounded_and_grows_with_the_length)
{
    kt_model_set_t *set    = mf_open(&(mf_opts_t){0});
    uint64_t        minute = kt_audio_models_bytes(set, KT_OPTION_ALL, 60);
    cr_assert(minute > 0 && minute < kt_audio_models_bytes(set, KT_OPTION_ALL, 3600));
    cr_assert_geq(kt_audio_models_bytes(set, KT_OPTION_ALL, 0), kt_audio_models_bytes(set, KT_OPTION_ALL, 3600));
    cr_assert_eq(kt_audio_models_bytes(set, KT_OPTION_ALL & ~KT_OPTION_MODELS, 60), 0);
    cr_assert_eq(kt_audio_models_bytes(NULL, KT_OPTION_ALL, 60), 0);
    kt_model_set_release(&set);
}

// The ranges of a stream of 150 s that begin at these seconds, each with half a minute before and four seconds after.
static char *
in_ranges(kt_model_set_t *set, const float *pcm, uint32_t rate_hz, size_t patches, const uint64_t *begins, size_t n)
{
    kt_audio_models_t *part[4] = {NULL};
    for (size_t i = 0; i < n; i++) {
        uint64_t own = begins[i] * rate_hz / 4096 * 4096, end = i + 1 < n ? begins[i + 1] * rate_hz / 4096 * 4096 : 0;
        uint64_t from = i > 0 ? (begins[i] - 30) * rate_hz : 0, to = end ? end + 4 * (uint64_t)rate_hz : 150 * rate_hz;
        kt_audio_models_opts_t opts = {.set      = set,
                                       .patches  = patches,
                                       .rate_hz  = rate_hz,
                                       .channels = 1,
                                       .options  = KT_OPTION_ALL,
                                       .from     = from,
                                       .own      = own,
                                       .end      = end ? end : UINT64_MAX};
        cr_assert_eq(kt_audio_models_new(&part[i], &opts), KT_OK);
        cr_assert_eq(kt_audio_models_push(part[i], pcm + from, to - from), KT_OK);
    }
    for (size_t i = 1; i < n; i++)
        cr_assert_eq(kt_audio_models_merge(part[0], part[i]), KT_OK);
    char *text = written(part[0], KT_OPTION_ALL);
    for (size_t i = 0; i < n; i++)
        kt_audio_models_destroy(&part[i]);
    return text;
}

Test(audio_models, ranges_that_are_merged_give_the_values_of_the_whole)
{
    static const uint32_t    rates[]  = {8000, 11025};
    static const uint64_t    begins[] = {0, 47, 101};
    static const char *const paths[]  = {"features.mood.arousal", "features.perceptual.speechiness",
                                         "features.mir.genre_probabilities.jazz"};
    kt_model_set_t          *set      = mf_open(&(mf_opts_t){0});
    for (size_t r = 0; r < 2; r++)
        for (size_t patches = 0; patches <= 8; patches += 8) {
            float *pcm   = sound(150 * (size_t)rates[r]);
            char  *whole = in_ranges(set, pcm, rates[r], patches, begins, 1);
            char  *apart = in_ranges(set, pcm, rates[r], patches, begins, 3);
            for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
                cr_assert_float_eq(number_of(apart, paths[i]), number_of(whole, paths[i]), 2e-5, "%u Hz, %zu: %s",
                                   rates[r], patches, paths[i]);
            free(apart);
            free(whole);
            free(pcm);
        }
    kt_model_set_release(&set);
}
