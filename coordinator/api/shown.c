// What an answer shows of a signed URL: its query is a permission to read the file, so that it is left out. Only who
// has the token gets the stored message as it is.
#include "common/json.h"
#include "coordinator/api/api.h"

#include <string.h>

json_t *
kt_api_path(const char *file_path)
{
    char shown[KT_JOB_PATH];
    return kt_json_text(kt_job_shown(file_path, shown, sizeof shown));
}

// Where the query of the message's URL begins and ends; false: there is none.
static bool
find_query(const char *document, size_t bytes, size_t *begin, size_t *end)
{
    static const char MEMBER[] = "\"file_path\":\"";
    const char       *found    = memmem(document, bytes, MEMBER, sizeof MEMBER - 1);
    if (!found)
        return false;
    size_t at = (size_t)(found - document) + sizeof MEMBER - 1, close = at;
    while (close < bytes && document[close] != '"')
        close += document[close] == '\\' ? 2 : 1;
    if (close >= bytes || !kt_job_is_url(document + at))
        return false;
    while (at < close && document[at] != '?' && document[at] != '#')
        at++;
    *begin = at;
    *end   = close;
    return at < close;
}

void
kt_api_add_document(const kt_api_t *self, const char *document, size_t bytes)
{
    kt_buf_t *out = &self->response->body;
    size_t    begin, end;
    if (self->trusted || !find_query(document, bytes, &begin, &end)) {
        kt_buf_add(out, document, bytes);
        return;
    }
    kt_buf_add(out, document, begin);
    kt_buf_str(out, "?...");
    kt_buf_add(out, document + end, bytes - end);
}
