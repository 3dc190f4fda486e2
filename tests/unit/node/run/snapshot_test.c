// A snapshot is the end of what came so far, and leaves no trace.
#include "common/buf.h"
#include "node/run/snapshot.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RATE = 22050, MARK_BYTES = sizeof ",\"snapshot\":true" - 1 };

static kt_analysis_t *analysis;
static kt_document_t *document;
static kt_job_t       job = {.message_id = "m", .file_path = "/a", .options = KT_OPTION_ALL};

static void
open_stream(uint32_t rate_hz, uint32_t channels)
{
    kt_analysis_opts_t opts = {
        .plan = ax_plan, .device = ax_device, .rate_hz = rate_hz, .channels = channels, .options = KT_OPTION_ALL};
    cr_assert_eq(kt_analysis_new(&analysis, &opts), KT_OK);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
}

static void
close_stream(void)
{
    kt_analysis_destroy(&analysis);
    kt_document_destroy(&document);
    ax_close();
}

TestSuite(snapshot, .init = ax_open, .fini = close_stream, .timeout = 100);

// A kt_snapshot_fn.
static kt_err_t
finish_in_copy(void *context, kt_buf_t *text, char why[KT_DOCUMENT_WHY])
{
    kt_document_snapshot(document);
    kt_err_t err = kt_analysis_finish(analysis, document);
    return err ? err : kt_document_finish(document, context, text, why);
}

// A snapshot's message, valid, without the member that marks it.
static char *
take(void)
{
    kt_stamp_t stamp                = {0};
    char       why[KT_DOCUMENT_WHY] = "";
    kt_buf_t   out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_snapshot_take(finish_in_copy, &stamp, &out, why), KT_OK, "%s", why);
    cr_assert_eq(kt_document_check(out.bytes, out.length, why), KT_OK, "%s", why);
    char *text = kt_buf_take(&out, NULL);
    char *mark = strstr(text, ",\"snapshot\":true");
    cr_assert_not_null(mark, "it is marked");
    memmove(mark, mark + MARK_BYTES, strlen(mark + MARK_BYTES) + 1);
    return text;
}

static char *
finish(void)
{
    kt_stamp_t stamp                = {0};
    char       why[KT_DOCUMENT_WHY] = "";
    kt_buf_t   out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_analysis_finish(analysis, document), KT_OK);
    cr_assert_eq(kt_document_finish(document, &stamp, &out, why), KT_OK, "%s", why);
    return kt_buf_take(&out, NULL);
}

static void
push(const float *pcm, size_t frames)
{
    cr_assert_eq(kt_analysis_push(analysis, pcm, frames), KT_OK);
}

static void
check_prefix(const float *pcm, size_t frames, uint32_t rate_hz, uint32_t channels)
{
    ax_result_t alone = ax_analyse(pcm, frames, rate_hz, channels, KT_OPTION_ALL, 0, 0);
    char       *text  = take();
    cr_assert_str_eq(text, alone.text, "after %zu frames", frames);
    free(alone.text);
    free(text);
}

Test(snapshot, it_equals_the_file_of_what_came_so_far_and_the_end_is_untouched)
{
    enum { RATE_IN = 44100, FRAMES = RATE_IN * 7 + 13 };
    static const size_t cuts[] = {1, 700, RATE_IN * 2 + 5, RATE_IN * 5};
    float              *pcm    = ax_noise(2 * FRAMES, 7);
    ax_result_t         whole  = ax_analyse(pcm, FRAMES, RATE_IN, 2, KT_OPTION_ALL, 0, 0);
    size_t              done   = 0;
    open_stream(RATE_IN, 2);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; done = cuts[i++]) {
        push(pcm + 2 * done, cuts[i] - done);
        check_prefix(pcm, cuts[i], RATE_IN, 2);
    }
    push(pcm + 2 * done, FRAMES - done);
    char *end = finish();
    cr_assert_str_eq(end, whole.text);
    free(end);
    free(whole.text);
    free(pcm);
}

Test(snapshot, two_at_one_moment_are_the_same)
{
    float *pcm = ax_noise(RATE, 3);
    open_stream(RATE, 1);
    push(pcm, RATE);
    char *a = take(), *b = take();
    cr_assert_str_eq(a, b);
    free(a);
    free(b);
    free(pcm);
}

Test(snapshot, before_the_first_sample_all_is_null_with_a_reason)
{
    open_stream(RATE, 1);
    char *text = take();
    cr_assert_not_null(strstr(text, "\"rms\":null"));
    free(text);
}

TestSuite(snapshot_8k, .init = ax_open_8k, .fini = close_stream, .timeout = 100);

Test(snapshot_8k, it_holds_across_the_border_of_segments)
{
    enum { RATE_8K = 8000, BEFORE = RATE_8K * 590, AFTER = RATE_8K * 615, END = RATE_8K * 620 };
    float      *pcm   = ax_noise(END, 11);
    ax_result_t whole = ax_analyse(pcm, END, RATE_8K, 1, KT_OPTION_ALL, 0, 0);
    open_stream(RATE_8K, 1);
    push(pcm, BEFORE);
    free(take());
    push(pcm + BEFORE, AFTER - BEFORE);
    check_prefix(pcm, AFTER, RATE_8K, 1);
    push(pcm + AFTER, END - AFTER);
    char *end = finish();
    cr_assert_str_eq(end, whole.text);
    free(end);
    free(whole.text);
    free(pcm);
}

Test(snapshot, no_process_and_no_descriptor_is_left)
{
    float *pcm = ax_noise(RATE, 5);
    open_stream(RATE, 1);
    push(pcm, RATE);
    int before = dup(STDERR_FILENO);
    close(before);
    for (int i = 0; i < 20; i++)
        free(take());
    int after = dup(STDERR_FILENO);
    close(after);
    cr_assert_eq(before, after);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    free(pcm);
}

Test(snapshot, a_document_that_breaks_the_table_is_rejected_with_the_reason)
{
    kt_stamp_t stamp                = {0};
    char       why[KT_DOCUMENT_WHY] = "";
    kt_buf_t   out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    open_stream(RATE, 1);
    kt_document_int(document, KT_FEATURE_TECHNICAL_sample_rate, -5);
    cr_assert_eq(kt_snapshot_take(finish_in_copy, &stamp, &out, why), KT_EDOCUMENT);
    cr_assert_not_null(strstr(why, "sample_rate"), "%s", why);
    cr_assert_eq(out.length, 0);
    kt_buf_fini(&out);
}

TestSuite(analysis_options, .init = ax_open, .fini = ax_close);

Test(analysis_options, what_is_left_out_costs_nothing)
{
    enum { FRAMES = RATE * 60 };
    float      *pcm      = ax_noise(FRAMES, 9);
    ax_result_t spectral = ax_analyse(pcm, FRAMES, RATE, 1, KT_OPTION_SPECTRAL, 0, 0);
    ax_result_t quality  = ax_analyse(pcm, FRAMES, RATE, 1, KT_OPTION_QUALITY, 0, 0);
    ax_result_t none     = ax_analyse(pcm, FRAMES, RATE, 1, 0, 0, 0);
    cr_assert_gt(spectral.stages.spectral, 0);
    cr_assert_gt(spectral.stages.chroma, 0);
    cr_assert_lt(quality.stages.spectral, spectral.stages.spectral / 10, "no rows of the transform: %lld of %lld us",
                 (long long)quality.stages.spectral, (long long)spectral.stages.spectral);
    cr_assert_lt(quality.stages.chroma, spectral.stages.chroma / 10 + 1);
    cr_assert_eq(none.stages.spectral + none.stages.chroma + none.stages.resample, 0);
    cr_assert_not_null(strstr(quality.text, "\"spectral\":\"not asked for\""));
    free(spectral.text);
    free(quality.text);
    free(none.text);
    free(pcm);
}
