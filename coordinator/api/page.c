// The web page at /: static files, without a token; the browser validates its copies by ETag.
#include "coordinator/page/page.h"

#include "coordinator/api/api.h"

#include <string.h>

enum { OK = 200, NOT_MODIFIED = 304, NOT_FOUND = 404 };

static void
reply_file(kt_api_t *self, const kt_page_file_t *file)
{
    kt_http_response_t *response = self->response;
    const char         *known    = self->request->if_none_match;
    if (!file) {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "the page has no such file");
        return;
    }
    response->type   = file->type;
    response->etag   = file->etag;
    response->policy = kt_page_policy();
    response->status = known && strstr(known, file->etag) ? NOT_MODIFIED : OK;
    if (response->status == OK)
        kt_buf_add(&response->body, file->bytes, file->length);
}

void
kt_api_page(kt_api_t *self)
{
    reply_file(self, kt_page_find("index.html"));
}

void
kt_api_page_file(kt_api_t *self)
{
    reply_file(self, kt_page_find(self->name));
}
