// Fuzzing kt_job_parse and kt_document_check: any text is refused with a sentence, or is a job that can be written and
// read again.
#include "common/assert.h"
#include "common/buf.h"
#include "fuzz_main.h"
#include "proto/document.h"
#include "proto/job.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    kt_job_t job, again;
    kt_buf_t buf;
    char     why[KT_JOB_WHY]           = "";
    char     document[KT_DOCUMENT_WHY] = "";
    if (kt_document_check((const char *)bytes, length, document))
        kt_assert(*document);
    if (kt_job_parse((const char *)bytes, length, &job, why)) {
        kt_assert(*why);
        return 0;
    }
    kt_buf_init(&buf, KT_JOB_MAX_BYTES);
    kt_job_write(&job, &buf);
    kt_assert(!buf.err && kt_job_parse(buf.bytes, buf.length, &again, why) == KT_OK);
    kt_assert(!strcmp(job.file_path, again.file_path) && !strcmp(job.message_id, again.message_id));
    kt_assert(job.options == again.options && job.priority == again.priority);
    kt_buf_fini(&buf);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const char text[] =
        "{\"message_id\":\"uuid\",\"file_path\":\"/data/s\\u00f6ng.mp3\",\"media_id\":\"m\",\"file_format\":\"mp3\","
        "\"file_size\":8394752,\"metadata\":{\"title\":\"x\",\"duration\":240.5},\"analysis_options\":{\"extract_mir\":"
        "false},\"priority\":\"high\",\"timestamp\":\"2024-01-01T12:00:00Z\"}";
    const kt_job_t   job   = {.message_id = "m", .file_path = "/a", .options = number & KT_OPTION_ALL};
    const kt_stamp_t stamp = {1, 0};
    kt_document_t   *doc;
    kt_buf_t         buf;
    char             why[KT_DOCUMENT_WHY];
    kt_buf_init(&buf, 2 << 20);
    if (number % 3 == 0) {
        kt_assert(kt_document_new(&doc, &job) == KT_OK);
        kt_assert(kt_document_finish(doc, &stamp, &buf, why) == KT_OK);
        kt_document_destroy(&doc);
    } else if (number % 3 == 1) {
        kt_assert(kt_document_failure(&job, KT_EFORMAT, "text", &stamp, &buf) == KT_OK);
    } else {
        kt_buf_str(&buf, text);
    }
    return (uint8_t *)kt_buf_take(&buf, length);
}
