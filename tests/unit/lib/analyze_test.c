// Documents of files and samples through the public interface.
#include "lib/kithara.h"
#include "tests/unit/lib/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 44100, SECONDS = 8 };

// The value of "name":... up to the comma or brace; free() it.
static char *
member(const char *document, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = strstr(document, key);
    cr_assert_not_null(found, "%s is missing in %s", name, document);
    found += strlen(key);
    return strndup(found, strcspn(found, ",}"));
}

static void
expect_member(const char *document, const char *name, const char *value)
{
    char *found = member(document, name);
    cr_expect_str_eq(found, value, "%s is %s", name, found);
    free(found);
}

static kithara_t *
open_context(void)
{
    kithara_t *context = NULL;
    cr_assert_eq(kithara_open(&context, NULL), KITHARA_OK, "%s", kithara_why());
    return context;
}

Test(analyze, samples_give_the_features_of_the_same_file)
{
    static const char *const same[]  = {"spectral_centroid", "tempo", "key", "energy", "loudness", "duration"};
    kithara_t               *context = open_context();
    char                    *of_file = NULL, *of_samples = NULL;
    size_t                   frames;
    float                   *sound = lx_sound(RATE, SECONDS, &frames);
    const char              *path  = lx_wav(sound, frames, RATE);
    cr_assert_eq(kithara_analyze_file(context, path, NULL, &of_file), KITHARA_OK, "%s", kithara_why());
    cr_assert_eq(kithara_analyze_samples(context, sound, frames, RATE, 2, NULL, &of_samples), KITHARA_OK);
    expect_member(of_file, "success", "true");
    expect_member(of_samples, "success", "true");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char *value = member(of_file, same[i]);
        cr_expect_str_neq(value, "null", "%s", same[i]);
        expect_member(of_samples, same[i], value);
        free(value);
    }
    kithara_free(of_file);
    kithara_free(of_samples);
    kithara_close(&context);
    cr_expect_null(context);
    free(sound);
}

Test(analyze, options_leave_out_what_is_not_wanted)
{
    kithara_t *context  = open_context();
    char      *document = NULL;
    size_t     frames;
    float     *sound = lx_sound(RATE, 2, &frames);
    int        error = kithara_analyze_samples(context, sound, frames, RATE, 2, "{\"extract_mir\": false}", &document);
    cr_assert_eq(error, KITHARA_OK, "%s", kithara_why());
    expect_member(document, "tempo", "null");
    kithara_free(document);
    document = NULL;
    error    = kithara_analyze_samples(context, sound, frames, RATE, 2, "{}, \"file_path\": \"x\"", &document);
    cr_expect_str_eq(kithara_error_name(error), "EMESSAGE");
    cr_expect_null(document);
    error = kithara_analyze_samples(context, sound, frames, RATE, 65, NULL, &document);
    cr_expect_str_eq(kithara_error_name(error), "ESTREAM");
    kithara_close(&context);
    free(sound);
}

Test(analyze, a_file_that_cannot_be_analysed_has_a_document_that_says_so)
{
    kithara_t *context  = open_context();
    char      *document = NULL;
    int        error    = kithara_analyze_file(context, "/no/such/file.wav", NULL, &document);
    cr_expect_str_eq(kithara_error_name(error), "ENOFILE");
    cr_expect_str_eq(kithara_error_text(error), "no such file");
    cr_assert_not_null(document);
    expect_member(document, "success", "false");
    kithara_free(document);
    kithara_close(&context);
}

Test(analyze, no_samples_are_an_error_and_not_a_crash)
{
    kithara_t *context  = open_context();
    char      *document = NULL;
    cr_expect_lt(kithara_analyze_samples(context, NULL, 0, RATE, 1, NULL, &document), 0);
    kithara_free(document);
    kithara_close(&context);
}

typedef struct work {
    const float *sound;
    size_t       frames;
    char        *document;
    int          error;
} work_t;

static void *
analyze_alone(void *context)
{
    work_t    *self = context;
    kithara_t *own  = NULL;
    self->error     = kithara_open(&own, NULL);
    for (int i = 0; i < 2 && !self->error; i++) {
        kithara_free(self->document);
        self->error = kithara_analyze_samples(own, self->sound, self->frames, RATE, 2, NULL, &self->document);
    }
    kithara_close(&own);
    return NULL;
}

Test(analyze, two_contexts_work_in_two_threads)
{
    size_t    frames;
    float    *sound = lx_sound(RATE, 3, &frames);
    work_t    work[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        work[i] = (work_t){.sound = sound, .frames = frames};
        cr_assert_eq(pthread_create(&thread[i], NULL, analyze_alone, &work[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        cr_expect_eq(work[i].error, KITHARA_OK);
    }
    char *first = member(work[0].document, "spectral_centroid");
    expect_member(work[1].document, "spectral_centroid", first);
    free(first);
    kithara_free(work[0].document);
    kithara_free(work[1].document);
    free(sound);
}

typedef struct shared {
    kithara_t *context;
    work_t     work;
} shared_t;

static void *
analyze_shared(void *context)
{
    shared_t *self = context;
    work_t   *work = &self->work;
    work->error    = kithara_analyze_samples(self->context, work->sound, work->frames, RATE, 2, NULL, &work->document);
    return NULL;
}

Test(analyze, one_context_serves_two_threads)
{
    size_t     frames;
    float     *sound   = lx_sound(RATE, 3, &frames);
    kithara_t *context = open_context();
    shared_t   shared[2];
    pthread_t  thread[2];
    for (int i = 0; i < 2; i++) {
        shared[i] = (shared_t){context, {.sound = sound, .frames = frames}};
        cr_assert_eq(pthread_create(&thread[i], NULL, analyze_shared, &shared[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        cr_expect_eq(shared[i].work.error, KITHARA_OK);
        kithara_free(shared[i].work.document);
    }
    kithara_close(&context);
    free(sound);
}

Test(analyze, read_mono_gives_the_mean_of_the_channels_at_the_rate)
{
    kithara_t  *context = open_context();
    size_t      frames, n = 0, n_part = 0;
    float      *sound = lx_sound(RATE, SECONDS, &frames), *mono = NULL, *part = NULL;
    const char *path = lx_wav(sound, frames, RATE);
    cr_assert_eq(kithara_read_mono(context, path, RATE, 0, 0, &mono, &n), KITHARA_OK, "%s", kithara_why());
    cr_assert_eq(n, frames);
    for (size_t i = 0; i < n; i += 101)
        cr_assert_float_eq(mono[i], 0.75f * sound[2 * i], 1e-7f);
    kithara_free(mono);

    cr_assert_eq(kithara_read_mono(context, path, 22050, 0, 0, &mono, &n), KITHARA_OK);
    cr_expect_eq(n, frames / 2);
    cr_assert_eq(kithara_read_mono(context, path, 22050, 1.5, 2, &part, &n_part), KITHARA_OK);
    cr_assert_eq(n_part, 44100);
    for (size_t i = 0; i < n_part; i++)
        cr_assert_eq(part[i], mono[33075 + i], "a part equals the same place of the whole");
    kithara_free(part);
    part = NULL;
    cr_assert_eq(kithara_read_mono(context, path, 22050, 100, 2, &part, &n_part), KITHARA_OK);
    cr_expect_eq(n_part, 0);
    kithara_free(part);
    kithara_free(mono);
    kithara_close(&context);
    free(sound);
}

Test(analyze, read_mono_of_no_file_is_an_error)
{
    kithara_t *context = open_context();
    float     *mono    = NULL;
    size_t     n       = 0;
    cr_expect_str_eq(kithara_error_name(kithara_read_mono(context, "/no/such", RATE, 0, 0, &mono, &n)), "ENOFILE");
    cr_expect_null(mono);
    cr_expect_str_eq(kithara_error_name(kithara_read_mono(context, "/x", 0, 0, 0, &mono, &n)), "EINVAL");
    cr_expect_str_eq(kithara_error_name(kithara_read_mono(context, "/x", RATE, NAN, 0, &mono, &n)), "EINVAL");
    kithara_close(&context);
}
