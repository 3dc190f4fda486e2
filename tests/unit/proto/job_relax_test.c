// What strict JSON refuses over members that nobody reads becomes a job; what is read must be right.
#include "proto/job_relax.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char warning[KT_JOB_WHY];  // of the last message

static kt_err_t
relaxed(const char *text, size_t length, const char *id, kt_job_t *job, char *body, size_t capacity)
{
    char     why[KT_JOB_WHY] = "";
    kt_buf_t out;
    kt_buf_init(&out, 4 * KT_JOB_MAX_BYTES);
    kt_err_t err = kt_job_relax(text, length, id, &out, warning, why);
    cr_assert(!err || *why, "an error has its reason");
    bool as_it_is = !out.length;
    snprintf(body, capacity, "%.*s", (int)out.length, out.length ? out.bytes : "");
    if (!err)
        err = kt_job_parse(as_it_is ? text : out.bytes, as_it_is ? length : out.length, job, why);
    kt_buf_fini(&out);
    return err;
}

static kt_err_t
of_text(const char *text, kt_job_t *job, char *body, size_t capacity)
{
    return relaxed(text, strlen(text), "", job, body, capacity);
}

Test(job_relax, members_that_nobody_reads_refuse_no_message)
{
    static const char *const values[] = {"18446744073709551615",
                                         "123456789012345678901234567890",
                                         "1e400",
                                         "-1e999",
                                         "NaN",
                                         "-Infinity",
                                         "\"\\u0000\"",
                                         "\"half \\ud800 pair\"",
                                         "\"\xff\xfe latin\"",
                                         "\"a\nb\"",
                                         "{\"a\": 1, \"a\": 2}",
                                         "[1e400, {\"b\": [\"\\udfff\"]}]",
                                         "\"\\x\"",
                                         "01",
                                         "[1, 2,]",
                                         "'single'"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        static const struct {
            const char *before, *after;
        } forms[] = {
            {"{\"message_id\": \"m\", \"file_path\": \"/x\", \"other\": ", "}"},
            {"{\"metadata\": {\"deep\": ", ", \"duration\": 2.5}, \"message_id\": \"m\", \"file_path\": \"/x\"}"},
            {"{\"message_id\": \"m\", \"analysis_options\": {\"mine\": ", "}, \"file_path\": \"/x\"}"}};
        for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
            char     text[512], body[1024];
            kt_job_t job;
            snprintf(text, sizeof text, "%s%s%s", forms[k].before, values[i], forms[k].after);
            cr_assert_eq(of_text(text, &job, body, sizeof body), KT_OK, "%s", text);
            cr_assert_str_eq(job.message_id, "m");
            cr_assert_str_eq(job.file_path, "/x");
            cr_assert_eq(job.declared_duration_s, k == 1 ? 2.5 : 0);
        }
    }
}

Test(job_relax, what_is_carried_is_what_came)
{
    char     body[512];
    kt_job_t job, other;
    cr_assert_eq(of_text("{\"file_path\":\"/x\",\"metadata\":{\"n\":18446744073709551615}}", &job, body, sizeof body),
                 KT_OK);
    cr_assert_str_eq(body, "{\"file_path\":\"/x\",\"metadata\":{\"n\":\"18446744073709551615\"}}");
    cr_assert_eq(of_text("{\"file_path\":\"/x\",\"metadata\":{\"n\":18446744073709551616}}", &other, body, sizeof body),
                 KT_OK);
    cr_assert_str_neq(job.message_id, other.message_id, "two messages");
    cr_assert_eq(of_text("{\"file_path\":\"/x\",\"metadata\":1e400,\"timestamp\":NaN}", &job, body, sizeof body),
                 KT_OK);
    cr_assert_str_eq(body, "{\"file_path\":\"/x\",\"metadata\":\"1e400\",\"timestamp\":\"NaN\"}");
}

Test(job_relax, a_strict_message_is_used_as_it_is)
{
    char     body[64];
    kt_job_t job;
    cr_assert_eq(of_text("{\"message_id\":\"a\", \"file_path\":\"/x\"}", &job, body, sizeof body), KT_OK);
    cr_assert_str_eq(body, "");
    cr_assert_eq(of_text("\xef\xbb\xbf{\"file_path\":\"/x\"}", &job, body, sizeof body), KT_OK);
    cr_assert_str_eq(body, "{\"file_path\":\"/x\"}");
}

Test(job_relax, a_name_from_outside_counts_where_the_body_has_none)
{
    static const char text[] = "{\"file_path\":\"/x\"}", null[] = "{\"message_id\":null,\"file_path\":\"/x\"}",
                      own[] = "{\"message_id\":\"own\",\"file_path\":\"/x\"}";
    char     body[128];
    kt_job_t one, two, three;
    cr_assert_eq(relaxed(text, strlen(text), "one", &one, body, sizeof body), KT_OK);
    cr_assert_eq(relaxed(null, strlen(null), "two", &two, body, sizeof body), KT_OK);
    cr_assert_eq(relaxed(own, strlen(own), "three", &three, body, sizeof body), KT_OK);
    cr_assert_str_eq(one.message_id, "one");
    cr_assert_str_eq(two.message_id, "two");
    cr_assert_str_eq(three.message_id, "own");
}

Test(job_relax, what_is_read_must_be_right)
{
    static const char *const texts[] = {"{\"message_id\": \"m\", \"file_path\": \"/\\ud800\", \"x\": 1e400}",
                                        "{\"file_path\": \"/x\", \"file_size\": 18446744073709551615}",
                                        "{\"file_path\": \"/x\", \"metadata\": {\"duration\": 1e400}}",
                                        "{\"file_path\": \"/x\", \"file_path\": \"/y\"}",
                                        "{\"file_path\": \"/x\", \"file\\u005fpath\": \"/y\"}",
                                        "{\"file_path\": \"/x\", \"analysis_options\": {\"extract_mir\": NaN}}",
                                        "{\"file_path\": \"/x\"",
                                        "{\"file_path\": \"/x\"} {}",
                                        "{\"file_path\": \"/x\",}",
                                        "[1e400]",
                                        "",
                                        "\xef\xbb\xbf",
                                        "{\"file_path\": }",
                                        "{\"file_path\" \"/x\"}",
                                        "{1: 2}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char     body[256];
        kt_job_t job;
        cr_assert_eq(of_text(texts[i], &job, body, sizeof body), KT_EMESSAGE, "%s", texts[i]);
    }
}

Test(job_relax, deep_nesting_and_much_text_stay_within_the_bounds)
{
    enum { DEEP = 20000, WIDE = 100000 };
    char    *text = malloc(KT_JOB_MAX_BYTES), body[16];
    kt_job_t job;
    cr_assert_not_null(text);
    size_t n = (size_t)sprintf(text, "{\"file_path\":\"/x\",\"deep\":");
    memset(text + n, '[', DEEP);
    memset(text + n + DEEP, ']', DEEP);
    n += 2 * DEEP;
    n += (size_t)sprintf(text + n, "}");
    cr_assert_eq(relaxed(text, n, "", &job, body, sizeof body), KT_OK);
    n = (size_t)sprintf(text, "{\"file_path\":\"/x\",\"wide\":\"");
    memset(text + n, 0xff, WIDE);  // three bytes each when carried: left out
    n += WIDE;
    n += (size_t)sprintf(text + n, "\"}");
    cr_assert_eq(relaxed(text, n, "", &job, body, sizeof body), KT_OK);
    free(text);
}

Test(job_relax, a_warning_names_what_is_not_as_it_came)
{
    enum { WIDE = 100000, MANY = 40 };
    char    *text = malloc(KT_JOB_MAX_BYTES), body[1024];
    kt_job_t job;
    cr_assert_not_null(text);
    cr_assert_eq(of_text("{\"file_path\": \"/x\", \"other\": 1}", &job, body, sizeof body), KT_OK);
    cr_assert_str_eq(warning, "");
    cr_assert_eq(
        of_text("{\"file_path\": \"/x\", \"metadata\": {\"n\": 1e400, \"ok\": 1}, \"a\": 1, \"a\": 2, \"big\": "
                "18446744073709551616}",
                &job, body, sizeof body),
        KT_OK);
    cr_assert_str_eq(warning,
                     "no valid JSON: metadata.n (carried as text), a (repeated: the last one counts), big (carried "
                     "as text)");
    cr_assert_eq(of_text("{\"file_path\": \"/x\", \"metadata\": [1]}", &job, body, sizeof body), KT_OK);
    cr_assert_str_eq(warning, "no object: metadata (carried, and not read)");
    cr_assert_eq(of_text("{\"file_path\": \"/x\", \"metadata\": null}", &job, body, sizeof body), KT_OK);
    cr_assert_str_eq(warning, "");
    static const char *const WIDER[] = {"wide", "metadata"};
    size_t                   n       = 0;
    for (size_t i = 0; i < sizeof WIDER / sizeof *WIDER; i++) {
        char expected[64];
        n = (size_t)sprintf(text, "{\"file_path\":\"/x\",\"%s\":\"", WIDER[i]);
        memset(text + n, 0xff, WIDE);
        n += WIDE;
        n += (size_t)sprintf(text + n, "\"}");
        cr_assert_eq(relaxed(text, n, "", &job, body, sizeof body), KT_OK);
        snprintf(expected, sizeof expected, "no valid JSON: %s (left out)", WIDER[i]);
        cr_assert_str_eq(warning, expected);
    }
    n = (size_t)sprintf(text, "{\"file_path\":\"/x\"");
    for (int i = 0; i < MANY; i++)
        n += (size_t)sprintf(text + n, ",\"a\xff long name %d\":NaN", i);
    n += (size_t)sprintf(text + n, "}");
    cr_assert_eq(relaxed(text, n, "", &job, body, sizeof body), KT_OK);
    cr_assert(strstr(warning, " and 3") && strstr(warning, " more") && strlen(warning) < sizeof warning - 1, "%s",
              warning);
    free(text);
}

static bool
join_text(void *context, const char *text, size_t length)
{
    char *out = context;
    snprintf(out + strlen(out), 128 - strlen(out), "<%.*s>", (int)length, text);
    return !strstr(out, "stop");
}

Test(job_relax, the_elements_of_a_list_are_visited_whatever_they_are)
{
    static const struct {
        const char *text, *out;  // NULL: broken
    } rows[] = {
        {"{\"messages\": [{\"a\": 1e400}, {\"b\": \"]\\ud800}\"} , 7, \"x\", [[1],2]]}",
         "<{\"a\": 1e400}><{\"b\": \"]\\ud800}\"}><7><\"x\"><[[1],2]>"},
        {"\xef\xbb\xbf {\"x\": [NaN, {}], \"mess\\u0061ges\": [1]}\n", "<1>"},
        {"{\"messages\": []}", ""},
        {"{\"messages\": {\"messages\": [1]}}", ""},
        {"{}", ""},
        {"{\"messages\": [1], \"messages\": [2]}", NULL},
        {"{\"messages\": [1", NULL},
        {"{\"messages\": [1,]}", NULL},
        {"{\"messages\": [1] \"x\": 2}", NULL},
        {"{\"messages\": [1]} {}", NULL},
        {"{\"messages\"", NULL},
        {"{\"messages\": [\"stop\", 1]}", NULL},
        {"[1]", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char     out[128] = "";
        kt_err_t err      = kt_job_texts(rows[i].text, strlen(rows[i].text), "messages", join_text, out);
        cr_assert_eq(err, rows[i].out ? KT_OK : KT_EMESSAGE, "%s", rows[i].text);
        if (rows[i].out)
            cr_assert_str_eq(out, rows[i].out);
    }
}

Test(job_relax, an_id_is_found_in_what_is_broken)
{
    static const struct {
        const char *text, *id;
    } rows[] = {
        {"{\"message_id\": \"a\", \"file_path\": ", "a"},
        {"{\"x\": {\"message_id\": \"inner\"}, \"message_id\": \"outer\"}}}", "outer"},
        {"{\"message_id\": 12}", "12"},
        {"{\"message_id\": \"a\\u00e9\"", "a\xc3\xa9"},
        {"{\"message_id\": \"a\\ud800\"}", "a\\ud800"},
        {"{\"message_id\": \"\xff\"}", "\xef\xbf\xbd"},
        {"[{\"message_id\": \"in a list\"}]", "in a list"},
        {"{\"broken: 1, \"message_id\": \"after\"}", "after"},
        {"\xef\xbb\xbf{\"message_id\":\"marked\"", "marked"},
        {"{\"message_id\": null}", ""},
        {"{\"message_id\": {\"a\": 1}}", ""},
        {"{\"message_id", ""},
        {"message_id", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[KT_JOB_ID_BYTES];
        cr_assert_eq(kt_job_find_text(rows[i].text, strlen(rows[i].text), "message_id", id, sizeof id),
                     *rows[i].id != 0, "%s", rows[i].text);
        cr_assert_str_eq(id, rows[i].id, "%s", rows[i].text);
    }
}
