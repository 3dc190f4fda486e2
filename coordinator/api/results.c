// The output message of a message_id: from the cache when it is there, else from the ledger.
#include "common/text.h"
#include "coordinator/api/api.h"

#include <stdlib.h>

enum { OK = 200, NOT_FOUND = 404, SERVER = 500 };

void
kt_api_result(kt_api_t *self)
{
    char  *document = NULL;
    size_t bytes    = 0;
    if (self->server->cache && !kt_result_cache_get(self->server->cache, self->message_id, &document, &bytes)) {
        self->response->status = OK;
        kt_buf_add(&self->response->body, document, bytes);
        free(document);
        return;
    }

    kt_call_t           *call  = kt_call_new(1);
    kt_ledger_request_t *query = call ? kt_ledger_request_new(KT_LREQ_JOBS, call) : NULL;
    if (query) {
        kt_text_copy(query->jobs.message_id, sizeof query->jobs.message_id, self->message_id);
        query->jobs.query    = (kt_job_query_t){.state = -1, .documents = true, .message_id = query->jobs.message_id};
        query->jobs.capacity = 1;
        call->requests[0]    = query;
        call->n_requests     = 1;
    } else {
        kt_call_destroy(&call);
    }
    if (!kt_api_ask(self, &call))
        return;

    const kt_ledger_request_t *request = call->requests[0];
    if (request->err) {
        kt_api_fail(self, SERVER, request->err, "the ledger cannot be read");
    } else if (!request->jobs.n) {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "no such message_id");
    } else if (!request->jobs.rows[0].document) {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "this job has no stored result yet");
    } else {
        self->response->status = OK;
        kt_buf_add(&self->response->body, request->jobs.rows[0].document, request->jobs.rows[0].document_bytes);
    }
    kt_call_destroy(&call);
}
