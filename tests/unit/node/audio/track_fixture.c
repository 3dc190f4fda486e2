#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

kt_plan_t   *ax_plan;
kt_device_t *ax_device;

static void
open_rate(uint32_t rate_hz)
{
    kt_frontend_opts_t opts = {
        .rate_hz = rate_hz, .n_fft = 2048, .hop = 512, .n_mels = 128, .n_mfcc = 13, .n_chroma = 12};
    cr_assert_eq(kt_plan_new(&ax_plan, &opts), KT_OK);
    cr_assert_eq(kt_device_cpu(&ax_device, NULL), KT_OK);
}

void
ax_open(void)
{
    open_rate(22050);
}

void
ax_open_8k(void)
{
    open_rate(8000);
}

void
ax_close(void)
{
    kt_device_destroy(&ax_device);
    kt_plan_destroy(&ax_plan);
}

float *
ax_noise(size_t n, unsigned seed)
{
    float   *out   = malloc((n ? n : 1) * sizeof *out);
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        state  = state * 1664525u + 1013904223u;
        out[i] = (float)(state >> 8) / 16777216.0f - 0.5f;
    }
    return out;
}

static void
push_all(kt_analysis_t *analysis, const float *pcm, size_t frames, uint32_t channels, size_t chunk, unsigned seed)
{
    srand(seed);
    for (size_t at = 0, n; at < frames; at += n) {
        n = chunk == 0 ? frames : seed ? (size_t)rand() % (chunk + 1) : chunk;
        n = n < frames - at ? n : frames - at;
        cr_assert_eq(kt_analysis_push(analysis, pcm + at * channels, n), KT_OK);
    }
}

ax_result_t
ax_finish(kt_analysis_t **self, uint32_t options)
{
    kt_job_t       job      = {.message_id = "m", .file_path = "/a", .options = options};
    kt_document_t *document = NULL;
    kt_stamp_t     stamp    = {0};
    kt_buf_t       out;
    char           why[KT_DOCUMENT_WHY] = "";
    ax_result_t    result;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    cr_assert_eq(kt_analysis_finish(*self, document), KT_OK);
    kt_analysis_stages(*self, &result.stages);
    cr_assert_eq(kt_document_finish(document, &stamp, &out, why), KT_OK, "%s", why);
    result.text = kt_buf_take(&out, NULL);
    kt_analysis_destroy(self);
    kt_document_destroy(&document);
    return result;
}

ax_result_t
ax_analyse(const float *pcm, size_t frames, uint32_t rate_hz, uint32_t channels, uint32_t options, size_t chunk,
           unsigned seed)
{
    kt_analysis_opts_t opts = {
        .plan = ax_plan, .device = ax_device, .rate_hz = rate_hz, .channels = channels, .options = options};
    kt_analysis_t *analysis = NULL;
    cr_assert_eq(kt_analysis_new(&analysis, &opts), KT_OK);
    push_all(analysis, pcm, frames, channels, chunk, seed);
    return ax_finish(&analysis, options);
}

static double
number_at(const json_t *value, size_t index)
{
    double number = NAN;
    if (kt_json_count(value) > 0)
        value = kt_json_at(value, index);
    return value && kt_json_number(value, &number) ? number : NAN;
}

double
ax_value(const char *text, const char *feature, size_t index)
{
    char    why[KT_JSON_WHY];
    json_t *document = NULL;
    cr_assert_eq(kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why), KT_OK, "%s", why);
    const json_t *spectral = kt_json_get(kt_json_get(document, "features"), "spectral");
    double        number   = number_at(kt_json_get(spectral, feature), index);
    kt_json_free(&document);
    return number;
}

double
ax_statistic(const char *text, const char *feature, const char *part, size_t index)
{
    char    why[KT_JSON_WHY];
    json_t *document = NULL;
    cr_assert_eq(kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why), KT_OK, "%s", why);
    const json_t *statistics = kt_json_get(kt_json_get(document, "features"), "statistics");
    double        number     = number_at(kt_json_get(kt_json_get(statistics, feature), part), index);
    kt_json_free(&document);
    return number;
}
