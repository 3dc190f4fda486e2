// The empty message: valid, with the ids of each job; or of a size.
#include "common/fault.h"
#include "node/run/noop_message.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *
write_message(uint32_t bytes, const kt_job_t *job)
{
    kt_noop_message_t *message = NULL;
    kt_buf_t           out;
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_noop_message_new(&message, bytes), KT_OK);
    kt_noop_message_write(message, job, &out);
    kt_noop_message_destroy(&message);
    cr_assert_null(message);
    cr_assert_eq(out.err, KT_OK);
    return kt_buf_take(&out, NULL);
}

Test(noop_message, it_is_a_valid_message_of_its_job)
{
    static const kt_job_t job                  = {.message_id = "m-\"1\"", .file_path = "/music/\u00e9.mp3"};
    char                  why[KT_DOCUMENT_WHY] = "";
    char                 *text                 = write_message(0, &job);
    cr_assert_eq(kt_document_check(text, strlen(text), why), KT_OK, "%s", why);
    cr_assert(strstr(text, "\"message_id\":\"m-\\\"1\\\"\""), "%s", text);
    cr_assert(strstr(text, "\"media_id\":null"));
    cr_assert_null(strchr(text, '@'));
    free(text);
}

Test(noop_message, it_has_about_the_requested_size)
{
    static const kt_job_t job     = {.message_id = "m", .media_id = "9", .file_path = "/music/a.mp3"};
    static const uint32_t sizes[] = {KT_NOOP_BYTES_MIN, 1024, KT_NOOP_BYTES_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char  *text   = write_message(sizes[i], &job);
        size_t length = strlen(text);
        cr_expect(length <= sizes[i] && length + 40 > sizes[i], "%zu of %u", length, sizes[i]);
        cr_expect(strstr(text, "\"media_id\":\"9\""));
        free(text);
    }
}
