#include "common/buf.h"
#include "proto/job.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_job_t job;
static char     why[KT_JOB_WHY];

static kt_err_t
parse(const char *text)
{
    *why = '\0';
    return kt_job_parse(text, strlen(text), &job, why);
}

static const char *const SPECIFIED =
    "{\"message_id\": \"uuid\", \"file_path\": \"/data/music/song.mp3\", \"media_id\": \"media_uuid\","
    " \"file_format\": \"mp3\", \"file_size\": 8394752,"
    " \"metadata\": {\"title\": \"Song Title\", \"artist\": \"Artist Name\", \"duration\": 240.5},"
    " \"analysis_options\": {\"extract_spectral\": true, \"extract_mir\": true, \"extract_perceptual\": true,"
    " \"similarity_analysis\": true, \"quality_assessment\": true},"
    " \"priority\": \"normal\", \"timestamp\": \"2024-01-01T12:00:00Z\"}";

Test(job, the_specifications_example_is_understood)
{
    cr_assert_eq(parse(SPECIFIED), KT_OK, "%s", why);
    cr_assert_str_eq(job.message_id, "uuid");
    cr_assert_str_eq(job.media_id, "media_uuid");
    cr_assert_str_eq(job.file_path, "/data/music/song.mp3");
    cr_assert_eq(job.declared_bytes, 8394752);
    cr_assert_float_eq(job.declared_duration_s, 240.5, 0);
    cr_assert_eq(job.options, KT_OPTION_ALL);
    cr_assert_eq(job.priority, KT_PRIORITY_NORMAL);
}

Test(job, a_path_alone_is_a_job)
{
    cr_assert_eq(parse("{\"file_path\":\"a.mp3\"}"), KT_OK, "%s", why);
    cr_assert_eq(strlen(job.message_id), 36);
    cr_assert_str_eq(job.media_id, "");
    cr_assert_eq(job.options, KT_OPTION_ALL);
    cr_assert_eq(job.priority, KT_PRIORITY_NORMAL);
    cr_assert_eq(job.declared_bytes, 0);
}

Test(job, null_counts_as_missing_and_unknown_members_are_ignored)
{
    cr_assert_eq(parse("{\"file_path\":\"https://host/a.mp3\",\"message_id\":null,\"priority\":null,\"metadata\":null,"
                       "\"file_size\":null,\"analysis_options\":{\"extract_mir\":null,\"new\":7},\"new\":[1,{}]}"),
                 KT_OK, "%s", why);
    cr_assert_eq(job.options, KT_OPTION_ALL);
    cr_assert_str_eq(job.file_path, "https://host/a.mp3");
}

Test(job, members_that_are_not_read_may_be_of_any_type)
{
    static const char *const TEXTS[] = {"\"metadata\":[]",
                                        "\"metadata\":\"title\"",
                                        "\"metadata\":7",
                                        "\"timestamp\":1704110400",
                                        "\"timestamp\":{}",
                                        "\"file_format\":true",
                                        "\"file_format\":\"audio/vnd.something; of many, many words\""};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"file_path\":\"a\",%s}", TEXTS[i]);
        cr_expect_eq(parse(text), KT_OK, "%s: %s", text, why);
        cr_expect_eq(job.declared_duration_s, 0);
    }
}

Test(job, options_and_priority_are_read)
{
    cr_assert_eq(parse("{\"file_path\":\"a\",\"priority\":\"high\",\"analysis_options\":{\"extract_mir\":false,"
                       "\"quality_assessment\":false}}"),
                 KT_OK);
    cr_assert_eq(job.options, KT_OPTION_SPECTRAL | KT_OPTION_PERCEPTUAL | KT_OPTION_SIMILARITY | KT_OPTION_MODELS |
                                  KT_OPTION_VISUAL);
    cr_assert_eq(job.priority, KT_PRIORITY_HIGH);
}

Test(job, a_size_may_be_written_as_a_real_that_is_whole)
{
    static const char *const SIZES[] = {"8394752", "8394752.0", "8.394752e6"};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"file_path\":\"a\",\"file_size\":%s}", SIZES[i]);
        cr_assert_eq(parse(text), KT_OK, "%s: %s", SIZES[i], why);
        cr_expect_eq(job.declared_bytes, 8394752, "%s", SIZES[i]);
    }
}

Test(job, a_whole_duration_is_a_number_too)
{
    cr_assert_eq(parse("{\"file_path\":\"a\",\"metadata\":{\"duration\":240}}"), KT_OK);
    cr_assert_float_eq(job.declared_duration_s, 240, 0);
}

static const struct {
    const char *text, *named;
} BAD[] = {
    {"", "line"},
    {"{", "line"},
    {"[]", "object"},
    {"{\"file_path\":\"a\"} x", "line"},
    {"{\"file_path\":\"a\",\"file_path\":\"b\"}", "duplicate"},
    {"{}", "file_path"},
    {"{\"file_path\":\"\"}", "file_path"},
    {"{\"file_path\":null}", "file_path"},
    {"{\"file_path\":7}", "file_path"},
    {"{\"file_path\":\"http://u:p@host/a.mp3\"}", "password"},
    {"{\"file_path\":\"ftp://u:p@host/a.mp3\"}", "password"},
    {"{\"file_path\":\"s3://key:secret@bucket/a.mp3\"}", "password"},
    {"{\"file_path\":\"HTTPS://u@host\"}", "password"},
    {"{\"file_path\":[\"a\"]}", "file_path"},
    {"{\"file_path\":\"a\\u0000b\"}", "line"},
    {"{\"file_path\":\"a\xff\"}", "line"},
    {"{\"file_path\":\"\xed\xa0\x80\"}", "line"},
    {"{\"file_path\":\"a\",\"message_id\":5}", "message_id"},
    {"{\"file_path\":\"a\",\"media_id\":{}}", "media_id"},
    {"{\"file_path\":\"a\",\"file_size\":\"8\"}", "file_size"},
    {"{\"file_path\":\"a\",\"file_size\":-1}", "file_size"},
    {"{\"file_path\":\"a\",\"file_size\":1.5}", "file_size"},
    {"{\"file_path\":\"a\",\"file_size\":-1.0}", "file_size"},
    {"{\"file_path\":\"a\",\"file_size\":1e300}", "file_size"},
    {"{\"file_path\":\"a\",\"file_size\":99999999999999999999}", "line"},
    {"{\"file_path\":\"a\",\"metadata\":{\"duration\":\"3:10\"}}", "metadata.duration"},
    {"{\"file_path\":\"a\",\"metadata\":{\"duration\":-1}}", "metadata.duration"},
    {"{\"file_path\":\"a\",\"metadata\":{\"duration\":NaN}}", "line"},
    {"{\"file_path\":\"a\",\"metadata\":{\"duration\":1e999}}", "line"},
    {"{\"file_path\":\"a\",\"analysis_options\":true}", "analysis_options"},
    {"{\"file_path\":\"a\",\"analysis_options\":{\"extract_mir\":1}}", "analysis_options.extract_mir"},
    {"{\"file_path\":\"a\",\"priority\":\"urgent\"}", "priority"},
    {"{\"file_path\":\"a\",\"priority\":1}", "priority"},
};

Test(job, bad_input_is_refused_and_named)
{
    kt_job_t before;
    memset(&job, 0x5a, sizeof job);
    before = job;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        cr_assert_eq(parse(BAD[i].text), KT_EMESSAGE, "%s", BAD[i].text);
        cr_assert_not_null(strstr(why, BAD[i].named), "%s: %s", BAD[i].text, why);
        cr_assert_eq(memcmp(&job, &before, sizeof job), 0, "the job was touched by %s", BAD[i].text);
    }
}

static kt_err_t
parse_with_path_of(size_t bytes)
{
    char *text = malloc(bytes + 64);
    int   head = sprintf(text, "{\"file_path\":\"");
    memset(text + head, 'a', bytes);
    strcpy(text + head + bytes, "\"}");
    kt_err_t err = parse(text);
    free(text);
    return err;
}

Test(job, long_texts_are_bounded)
{
    cr_assert_eq(parse_with_path_of(KT_JOB_PATH - 1), KT_OK);
    cr_assert_eq(parse_with_path_of(KT_JOB_PATH), KT_EMESSAGE);
    cr_assert_not_null(strstr(why, "file_path is longer than 4095 bytes"));
    cr_assert_eq(parse_with_path_of(KT_JOB_MAX_BYTES), KT_EMESSAGE);
}

Test(job, the_length_is_kept_to)
{
    const char *text = "{\"file_path\":\"a\"}{";
    cr_assert_eq(kt_job_parse(text, strlen(text) - 1, &job, why), KT_OK, "%s", why);
}

Test(job, the_same_body_in_another_dress_is_the_same)
{
    kt_job_t first;
    cr_assert_eq(parse("{\"file_path\":\"a\",\"priority\":\"low\",\"metadata\":{\"x\":1,\"duration\":2.50}}"), KT_OK);
    first = job;
    cr_assert_eq(
        parse("{ \"metadata\" : {\"duration\" : 2.5,\n\"x\":1}, \"priority\":\"low\", \"file_path\":\"\\u0061\"}"),
        KT_OK);
    cr_assert_eq(memcmp(&first.body_digest, &job.body_digest, sizeof job.body_digest), 0);
    cr_assert_str_eq(first.message_id, job.message_id);
    cr_assert_eq(parse("{\"file_path\":\"a\",\"priority\":\"high\",\"metadata\":{\"x\":1,\"duration\":2.5}}"), KT_OK);
    cr_assert_neq(memcmp(&first.body_digest, &job.body_digest, sizeof job.body_digest), 0);
    cr_assert_str_neq(first.message_id, job.message_id);
}

Test(job, a_written_job_is_read_as_it_was)
{
    kt_buf_t buf;
    kt_job_t first;
    kt_buf_init(&buf, KT_JOB_MAX_BYTES);
    cr_assert_eq(parse(SPECIFIED), KT_OK);
    job.options  = KT_OPTION_MIR;
    job.priority = KT_PRIORITY_LOW;
    first        = job;
    kt_job_write(&job, &buf);
    cr_assert_eq(buf.err, KT_OK);
    cr_assert_eq(parse(buf.bytes), KT_OK, "%s", why);
    first.body_digest = job.body_digest;
    cr_assert_eq(memcmp(&first, &job, sizeof job), 0, "%s", buf.bytes);
    kt_buf_fini(&buf);
}

Test(job, a_bare_job_is_written_without_guesses)
{
    kt_buf_t buf;
    kt_job_t bare = {.file_path = "a\"b", .options = KT_OPTION_ALL, .priority = KT_PRIORITY_NORMAL};
    kt_buf_init(&buf, KT_JOB_MAX_BYTES);
    kt_job_write(&bare, &buf);
    cr_assert_str_eq(buf.bytes,
                     "{\"file_path\":\"a\\\"b\",\"analysis_options\":{\"extract_spectral\":true,\"extract_mir\":"
                     "true,\"extract_perceptual\":true,\"similarity_analysis\":true,\"quality_assessment\":true,"
                     "\"extract_visual\":true,\"use_models\":true},"
                     "\"priority\":\"normal\"}");
    kt_buf_fini(&buf);
}

Test(job, option_lists_are_read)
{
    uint32_t options = 77;
    cr_assert_eq(kt_options_parse("spectral,mir", &options), KT_OK);
    cr_assert_eq(options, KT_OPTION_SPECTRAL | KT_OPTION_MIR | KT_OPTION_MODELS);
    cr_assert_eq(kt_options_parse("mir,no_models", &options), KT_OK);
    cr_assert_eq(options, KT_OPTION_MIR);
    cr_assert_eq(kt_options_parse("no_models", &options), KT_OK);
    cr_assert_eq(options, KT_OPTION_ALL & ~KT_OPTION_MODELS);
    cr_assert_eq(kt_options_parse("quality", &options), KT_OK);
    cr_assert_eq(options, KT_OPTION_QUALITY | KT_OPTION_MODELS);
    static const char *const bad[] = {"", ",", "mir,", "Mir", "mir spectral", "mirr", "mi"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(kt_options_parse(bad[i], &options), KT_EINVAL, "%s", bad[i]);
    cr_assert_eq(options, KT_OPTION_QUALITY | KT_OPTION_MODELS);
}

Test(job, priorities_have_names)
{
    kt_priority_t priority = KT_PRIORITY_LOW;
    cr_assert_str_eq(kt_priority_name(KT_PRIORITY_HIGH), "high");
    cr_assert(kt_priority_find("normal", &priority));
    cr_assert_eq(priority, KT_PRIORITY_NORMAL);
    cr_assert_not(kt_priority_find("NORMAL", &priority));
}

Test(job, none_is_no_option_and_nothing_is_no_list)
{
    uint32_t options = KT_OPTION_ALL;
    cr_assert_eq(kt_options_parse("none", &options), KT_OK);
    cr_assert_eq(options, 0);
    cr_assert_eq(kt_options_parse("none,mir", &options), KT_EINVAL);
    cr_assert_eq(kt_options_parse("", &options), KT_EINVAL);
}

Test(job, a_url_is_distinguished_from_a_path_and_shown_without_its_query)
{
    char shown[64];
    cr_assert(kt_job_is_url("http://host/a") && kt_job_is_url("HTTPS://host"));
    cr_assert_not(kt_job_is_url("/music/http://host/a"));
    cr_assert_not(kt_job_is_url("ftp://host/a"));
    size_t at, length;
    cr_assert(kt_job_url_user("//user:pw@host/a", &at, &length) && at == 2 && length == 8);
    cr_assert_str_eq(kt_job_shown("//user:pw@host/a", shown, sizeof shown), "//host/a");
    static const char *const PATHS[] = {"//home@night/a", "//music/a:b@c.mp3", "/user:pw@host/a", "///user:pw@host/a"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        cr_assert_not(kt_job_url_user(PATHS[i], &at, &length), "%s", PATHS[i]);
        cr_assert_str_eq(kt_job_shown(PATHS[i], shown, sizeof shown), PATHS[i]);
    }
    cr_assert_not(kt_job_is_url(""));
    static const struct {
        const char *path, *shown;
    } ROWS[] = {
        {"https://h/a.mp3?sig=secret", "https://h/a.mp3?..."},
        {"https://h/a.mp3", "https://h/a.mp3"},
        {"https://h/a.mp3#token=secret", "https://h/a.mp3?..."},
        {"https://h?X-Amz-Signature=secret&X-Amz-Credential=secret", "https://h?..."},
        {"HTTPS://h:443/a?sv=1&sig=secret#x", "HTTPS://h:443/a?..."},
        {"https://secret:secret@h/a.mp3?x", "https://h/a.mp3?..."},
        {"http://secret@h", "http://h"},
        {"https://h/a@b.mp3", "https://h/a@b.mp3"},
        {"s3://secret:secret@bucket/a?versionId=secret", "s3://bucket/a?..."},
        {"ftp://secret:secret@h/a", "ftp://h/a"},
        {"/music/what?.mp3", "/music/what?.mp3"},
        {"/music/a://b?c", "/music/a://b?c"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        cr_expect_str_eq(kt_job_shown(ROWS[i].path, shown, sizeof shown), ROWS[i].shown, "%s", ROWS[i].path);
    cr_assert_eq(parse("{\"file_path\":\"https://host/a@b.mp3?c=d@e\"}"), KT_OK, "%s", why);
}
