#include "posted.h"

#include <criterion/criterion.h>

kt_clock_test_t posted_clock;
size_t          posted_room;

static kt_ledger_request_t *requests[POSTED_MAX];
static size_t               n_requests;

static kt_err_t
post(void *context, kt_ledger_request_t **request_p)
{
    (void)context;
    if (n_requests >= posted_room)
        return KT_EFULL;
    requests[n_requests++] = *request_p;
    *request_p             = NULL;
    return KT_OK;
}

void
posted_set_up(kt_ledger_port_t *port)
{
    n_requests   = 0;
    posted_room  = POSTED_MAX;
    posted_clock = (kt_clock_test_t){.ms = 1000, .wall_ms = 1700000000000};
    kt_clock_test(&posted_clock);
    kt_ledger_port_attach(port, post, NULL);
}

void
posted_tear_down(void)
{
    for (size_t i = 0; i < n_requests; i++)
        kt_ledger_request_destroy(&requests[i]);
    n_requests = 0;
    kt_clock_test(NULL);
}

kt_ledger_request_t *
posted_take(kt_ledger_request_type_t type)
{
    for (size_t i = 0; i < n_requests; i++) {
        if (requests[i]->type != type)
            continue;
        kt_ledger_request_t *request = requests[i];
        n_requests--;
        for (size_t j = i; j < n_requests; j++)
            requests[j] = requests[j + 1];
        return request;
    }
    return NULL;
}

size_t
posted_count(kt_ledger_request_type_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < n_requests; i++)
        n += requests[i]->type == type;
    return n;
}

void
posted_answer(kt_ledger_port_t *port, kt_ledger_request_t *request, kt_err_t err)
{
    cr_assert_not_null(request);
    request->err = err;
    kt_ledger_port_answer(port, &request);
    cr_assert_null(request);
}
