#include "node/run/result_cache.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static kt_settings_t        settings;
static kt_cache_t          *cache;
static const kt_cache_key_t KEY   = {.content = {{1, 2, 3}}, .options = KT_OPTION_ALL};
static const kt_stamp_t     STAMP = {0.25, 1704110412000};

static void
set(const char *env, const char *value)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&settings, env, value, why), KT_OK, "%s", why);
}

static void
open_cache(void)
{
    char  why[KT_SETTINGS_WHY];
    char *none[] = {NULL};
    fx_open_plain();
    cr_assert_eq(kt_settings_load(&settings, NULL, none, why), KT_OK, "%s", why);
    set("LIBROSA_CACHE_DIR", fx_path("cache"));
    cr_assert_eq(kt_cache_new(&cache, &settings), KT_OK);
    cr_assert_not_null(cache);
}

static void
close_cache(void)
{
    kt_cache_destroy(&cache);
    kt_settings_fini(&settings);
    fx_close();
}

TestSuite(cache, .init = open_cache, .fini = close_cache, .timeout = 60);

// A valid message of a success with this centroid; free() it.
static char *
message(const kt_job_t *job, double centroid, const kt_stamp_t *stamp)
{
    char           why[KT_DOCUMENT_WHY] = "";
    kt_document_t *document             = NULL;
    kt_buf_t       out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_document_new(&document, job), KT_OK);
    kt_document_real(document, KT_FEATURE_SPECTRAL_spectral_centroid, centroid);
    kt_document_text(document, KT_FEATURE_TECHNICAL_container, "wav \"\xc3\xa4\"");
    cr_assert_eq(kt_document_finish(document, stamp, &out, why), KT_OK, "%s", why);
    kt_document_destroy(&document);
    return kt_buf_take(&out, NULL);
}

static kt_job_t
job_of(const char *id)
{
    kt_job_t job = {.options = KT_OPTION_ALL};
    snprintf(job.message_id, sizeof job.message_id, "%s", id);
    snprintf(job.file_path, sizeof job.file_path, "/music/%s.wav", id);
    return job;
}

static void
store(const kt_cache_key_t *key, double centroid)
{
    kt_job_t job  = job_of("first");
    char    *text = message(&job, centroid, &(kt_stamp_t){99, 5});
    kt_cache_store(cache, key, text, strlen(text));
    free(text);
}

// The cached document; NULL: none. free() it.
static char *
find(const kt_cache_key_t *key, const kt_job_t *job)
{
    kt_buf_t out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    kt_err_t err = kt_cache_find(cache, key, job, &STAMP, &out);
    cr_assert(err == KT_OK || err == KT_ENOTFOUND);
    cr_assert_eq(err == KT_OK, out.length > 0);
    return kt_buf_take(&out, NULL);
}

static bool
knows(const kt_cache_key_t *key)
{
    kt_job_t job  = job_of("second");
    char    *text = find(key, &job);
    bool     hit  = text && *text;
    free(text);
    return hit;
}

// The one entry's path; the number of files otherwise found is asserted. A static buffer.
static const char *
only_entry(size_t expected)
{
    static char path[512];
    char        folder[256];
    size_t      n   = 0;
    DIR        *top = opendir(fx_path("cache"));
    cr_assert_not_null(top);
    for (struct dirent *sub; (sub = readdir(top));) {
        if (sub->d_name[0] == '.')
            continue;
        snprintf(folder, sizeof folder, "%s/cache/%.2s", fx_folder, sub->d_name);
        DIR *inner = opendir(folder);
        for (struct dirent *entry; (entry = readdir(inner));)
            if (entry->d_name[0] != '.') {
                snprintf(path, sizeof path, "%s/%.200s", folder, entry->d_name);
                n++;
            }
        closedir(inner);
    }
    closedir(top);
    cr_assert_eq(n, expected, "%zu files", n);
    return path;
}

Test(cache, a_hit_equals_the_analysis_except_for_the_jobs_own_values)
{
    kt_job_t other = job_of("second");
    snprintf(other.media_id, sizeof other.media_id, "media-7");
    cr_assert(!knows(&KEY));
    store(&KEY, 1234.5678901234);
    char *said = find(&KEY, &other), *expected = message(&other, 1234.5678901234, &STAMP);
    cr_assert_str_eq(said, expected);
    free(said);
    free(expected);
}

Test(cache, folders_and_entries_are_private_whatever_the_umask)
{
    struct stat  facts;
    const mode_t before = umask(0);
    store(&KEY, 1);
    umask(before);
    cr_assert_eq(stat(only_entry(1), &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0600, "%03o", facts.st_mode & 0777);
    cr_assert_eq(stat(fx_path("cache"), &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0700, "%03o", facts.st_mode & 0777);
    char folder[512];
    snprintf(folder, sizeof folder, "%s", only_entry(1));
    *strrchr(folder, '/') = '\0';
    cr_assert_eq(stat(folder, &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0700, "%03o", facts.st_mode & 0777);
}

Test(cache, without_a_folder_there_is_no_cache)
{
    kt_cache_t *none = NULL;
    set("LIBROSA_CACHE_DIR", "");
    cr_assert_eq(kt_cache_new(&none, &settings), KT_OK);
    cr_assert_null(none);
    kt_cache_destroy(&none);
}

Test(cache, every_part_of_the_key_and_every_setting_of_the_analysis_counts)
{
    static const char *const SETTINGS[][2] = {
        {"ANALYZER_SAMPLE_RATE", "16000"},  {"ANALYZER_HOP_LENGTH", "256"},      {"ANALYZER_N_FFT", "4096"},
        {"ANALYZER_N_MFCC", "20"},          {"ANALYZER_N_CHROMA", "24"},         {"ANALYZER_MAX_DURATION", "60"},
        {"ANALYZER_MODEL_PATCHES", "4"},    {"ANALYZER_MODEL_INT8", "1"},        {"ANALYZER_VIDEO_PICTURES", "9"},
        {"ANALYZER_VIDEO_MODE", "sampled"}, {"ANALYZER_VIDEO_SCENE_MODEL", "on"}};
    kt_cache_key_t    content = KEY, options = KEY, rate = KEY, channels = KEY, device = KEY, models = KEY;
    kt_cache_key_t    sampling = KEY, most = KEY;
    const kt_digest_t deployed = {{7}};
    store(&KEY, 1);
    content.content.bytes[31] ^= 1;
    options.options       = KT_OPTION_SPECTRAL;
    rate.pcm_rate_hz      = 44100;
    channels.pcm_channels = 2;
    device.device         = "cuda: NVIDIA L4";
    models.models         = &deployed;
    sampling.sample_hz    = 0.5;
    most.sample_max       = 100;
    cr_assert(!knows(&content) && !knows(&options) && !knows(&rate) && !knows(&channels) && !knows(&device));
    cr_assert(!knows(&models) && !knows(&sampling) && !knows(&most));
    store(&models, 2);
    cr_assert(knows(&models) && !knows(&device));
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        kt_cache_destroy(&cache);
        set(SETTINGS[i][0], SETTINGS[i][1]);
        cr_assert_eq(kt_cache_new(&cache, &settings), KT_OK);
        cr_assert(!knows(&KEY), "%s", SETTINGS[i][0]);
        store(&KEY, 1);
        cr_assert(knows(&KEY));
    }
}

Test(cache, an_entry_outlives_the_process_that_made_it)
{
    store(&KEY, 7);
    kt_cache_destroy(&cache);
    cr_assert_eq(kt_cache_new(&cache, &settings), KT_OK);
    cr_assert(knows(&KEY));
}

static void
damage(const char *path, off_t at, const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, bytes, length, at), (ssize_t)length);
    close(fd);
}

Test(cache, a_damaged_entry_is_a_miss_and_is_written_anew)
{
    store(&KEY, 3);
    const char *path = only_entry(1);
    damage(path, 300, "#", 1);
    cr_assert(!knows(&KEY), "one byte");
    store(&KEY, 3);
    cr_assert(knows(&KEY));
    cr_assert_eq(truncate(path, 100), 0);
    cr_assert(!knows(&KEY), "cut");
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert(!knows(&KEY), "empty");
    store(&KEY, 3);
    cr_assert(knows(&KEY));
    only_entry(1);
}

Test(cache, what_breaks_the_feature_table_is_refused_even_with_a_right_digest)
{
    static const char LIE[] = "{\"message_id\":\"m\",\"success\":true}";
    kt_cache_store(cache, &KEY, LIE, sizeof LIE - 1);
    only_entry(1);
    cr_assert(!knows(&KEY));
}

Test(cache, the_folder_stays_within_its_size_and_the_least_recently_used_go_first)
{
    enum { PADDING = 300000, FITTING = 6 };  // 512 MB / 256 is 2 MiB a folder
    static char text[PADDING];
    char        folder[300], path[400];
    set("ANALYZER_CACHE_SIZE", "512");
    kt_cache_destroy(&cache);
    cr_assert_eq(kt_cache_new(&cache, &settings), KT_OK);
    store(&KEY, 1);
    snprintf(folder, sizeof folder, "%s", only_entry(1));
    *strrchr(folder, '/') = '\0';
    memset(text, 'x', sizeof text);
    for (int i = 0; i < FITTING; i++) {
        snprintf(path, sizeof path, "%s/%04d", folder, i);
        FILE *file = fopen(path, "w");
        fwrite(text, 1, sizeof text, file);
        fclose(file);
        struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    cr_assert(knows(&KEY), "used just now, though it is the first");
    snprintf(path, sizeof path, "%s/%04d", folder, FITTING);
    FILE *file = fopen(path, "w");
    fwrite(text, 1, sizeof text, file);
    fclose(file);
    snprintf(path, sizeof path, "%s/new-half", folder);
    fclose(fopen(path, "w"));
    struct timespec old[2] = {{.tv_sec = 5}, {.tv_sec = 5}};
    cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
    store(&KEY, 2);
    cr_assert_neq(access(path, F_OK), 0, "a half-written file of long ago");
    snprintf(path, sizeof path, "%s/0000", folder);
    cr_assert_neq(access(path, F_OK), 0, "the oldest");
    snprintf(path, sizeof path, "%s/%04d", folder, FITTING);
    cr_assert_eq(access(path, F_OK), 0, "the youngest");
    cr_assert(knows(&KEY));
}

Test(cache, a_folder_that_cannot_be_written_is_harmless)
{
    fx_write("file", "x", 1);
    set("LIBROSA_CACHE_DIR", fx_path("file"));
    kt_cache_destroy(&cache);
    cr_assert_eq(kt_cache_new(&cache, &settings), KT_OK);
    store(&KEY, 1);
    cr_assert(!knows(&KEY));
}

static void *
hammer(void *context)
{
    kt_job_t job = job_of("first");
    for (int i = 0; i < 40; i++) {
        char *text = message(&job, 10 + i % 3, &STAMP);
        kt_cache_store(cache, &KEY, text, strlen(text));
        free(text);
        *(bool *)context &= knows(&KEY);
    }
    return NULL;
}

Test(cache, writers_at_the_same_time_leave_a_whole_entry)
{
    pthread_t threads[4];
    bool      whole[4];
    for (size_t i = 0; i < 4; i++) {
        whole[i] = true;
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer, &whole[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        cr_assert(whole[i]);
    }
    only_entry(1);
}
