// Offers come in through one queue, answers of the ledger through another; both are closed at the end. A page is one
// request: "which of these are known" and "store them" are one call unless contents are digested in between.
#include "coordinator/backfill/scanner.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/backfill/source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDLE_MS = 60000, ANSWER_MS = 1000, ROOM_MS = 50, STOP_S = 3, TROUBLE_MS = 1000 };

struct kt_scanner {
    kt_ledger_actor_t   *actor;
    const kt_settings_t *settings;
    kt_queue_t          *offers, *answers;
    pthread_t            thread;
    bool                 started, left_alone;
    void                *last;  // the listing at which the thread ended
    _Atomic bool         busy, ending;
};

// The arguments of a request. All that it points to stays where it is until the answer is back.
typedef struct args {
    const kt_backfill_t      *b;
    const kt_backfill_page_t *page;
    kt_backfill_path_t       *paths;
    size_t                    n;
    bool                      knows, lists;
    uint64_t                  chunk;
    char                     *bytes;
    size_t                    length;
} args_t;

static kt_err_t
scanner_run_page(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    const args_t *args = context;
    kt_err_t      err  = KT_OK;
    if (!ledger->ops->backfill)
        return KT_ENOTYET;
    if (args->knows)
        err = ledger->ops->backfill->known(ledger, args->b, args->paths, args->n);
    if (!err && args->lists)
        err = ledger->ops->backfill->list(ledger, lease, args->page);
    return err;
}

static kt_err_t
scanner_run_chunk(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    args_t *args = context;
    (void)lease;
    return ledger->ops->backfill->chunk(ledger, args->b->id, args->chunk, &args->bytes, &args->length);
}

static void
scanner_take_answer(void *context, kt_ledger_request_t **request_p)
{
    kt_scanner_t *self = context;
    (void)!kt_queue_push(self->answers, request_p);  // closed: no caller is waiting
}

// Posts the call to the ledger and waits. After KT_ECLOSED the actor may still work on what args point to: the caller
// keeps it.
static kt_err_t
scanner_ask(kt_scanner_t *self, kt_ledger_request_type_t type, kt_ledger_call_fn *run, args_t *args)
{
    kt_ledger_request_t *request = kt_ledger_request_new(type, self);
    if (!request)
        return KT_ENOMEM;
    request->answered  = scanner_take_answer;
    request->call.run  = run;
    request->call.args = args;
    kt_err_t err       = KT_EFULL;
    void    *item      = NULL;
    size_t   n         = 0;
    while (err == KT_EFULL) {
        err = self->ending ? KT_ECLOSED : kt_ledger_actor_post(self->actor, &request);
        if (err == KT_EFULL && kt_queue_pop(self->answers, &item, 1, &n, ROOM_MS) == KT_ECLOSED)
            err = KT_ECLOSED;
    }
    if (err) {
        kt_ledger_request_destroy(&request);
        return err;
    }
    do {
        err = kt_queue_pop(self->answers, &item, 1, &n, ANSWER_MS);
    } while (err == KT_ETIME);
    if (err)
        return err;
    request = item;
    err     = request->err;
    kt_ledger_request_destroy(&request);
    return err;
}

typedef struct listing {
    kt_scanner_t         *scanner;
    kt_backfill_t         b;
    kt_backfill_source_t *source;
    args_t                args;
    kt_backfill_page_t    page;
    char                  why[KT_SOURCE_WHY];
} listing_t;

static kt_err_t
listing_get_chunk(void *context, uint64_t chunk, char **bytes, size_t *length)
{
    listing_t *self = context;
    self->args      = (args_t){.b = &self->b, .chunk = chunk};
    kt_err_t err    = scanner_ask(self->scanner, KT_LREQ_LOOK, scanner_run_chunk, &self->args);
    if (err)
        return err;
    *bytes           = self->args.bytes;
    *length          = self->args.length;
    self->args.bytes = NULL;
    return KT_OK;
}

static kt_err_t
listing_store(listing_t *self)
{
    kt_err_t err     = KT_OK;
    self->args.b     = &self->b;
    self->args.page  = &self->page;
    self->args.n     = self->page.n;
    self->args.knows = !(self->b.flags & KT_BACKFILL_FORCE);
    if (self->args.knows && self->b.flags & KT_BACKFILL_DIGEST) {
        err = scanner_ask(self->scanner, KT_LREQ_LOOK, scanner_run_page, &self->args);
        // Digests files that are not known by size and time.
        for (size_t i = 0; i < self->page.n && !err && !self->scanner->ending; i++)
            if (!self->args.paths[i].err && !self->args.paths[i].job)
                kt_backfill_source_digest(self->source, &self->args.paths[i]);
    }
    self->args.lists = true;
    return err ? err : scanner_ask(self->scanner, KT_LREQ_CALL, scanner_run_page, &self->args);
}

// Stores the error with a page without paths.
static kt_err_t
listing_store_trouble(listing_t *self, const char *why)
{
    kt_log_warn("BACKFILL-BROKEN", "backfill=%llu why=\"%s\"", (unsigned long long)self->b.id, why);
    self->args = (args_t){0};
    self->page = (kt_backfill_page_t){
        .id = self->b.id, .number = self->b.pages, .cursor = self->b.cursor, .chunk = self->b.chunk, .trouble = why};
    self->b.flags |= KT_BACKFILL_FORCE;
    return listing_store(self);
}

static bool
is_broken(kt_err_t err)
{
    return err == KT_EROOT || err == KT_ENOFILE || err == KT_EINVAL || err == KT_EACCESS || err == KT_EIO ||
           err == KT_ESTATE;
}

static kt_err_t
scanner_list(listing_t *self)
{
    int64_t  began_ms = kt_clock_ms();
    kt_err_t err      = kt_backfill_source_new(&self->source, &self->b, self->scanner->settings->media_roots,
                                               listing_get_chunk, self, self->why);
    kt_log_info("BACKFILL-LISTS", "backfill=%llu from_page=%llu", (unsigned long long)self->b.id,
                (unsigned long long)self->b.pages);
    if (is_broken(err))
        err = listing_store_trouble(self, self->why[0] ? self->why : "what was stored of it cannot be read");

    while (self->source && !err && !self->page.last && !self->page.trouble && !self->scanner->ending) {
        self->args = (args_t){0};
        err        = kt_backfill_source_page(self->source, &self->page, &self->args.paths);
        // The folder itself fails, or the list has lost a part: the error belongs to the cursor that the ledger has
        // stored. A chunk that only cannot be read now is an error of the ledger.
        if (self->b.kind == KT_BACKFILL_FOLDER ? is_broken(err) : err == KT_ENOTFOUND) {
            err = listing_store_trouble(self, kt_err_text(err));
            continue;
        }
        if (!err)
            err = listing_store(self);
        if (err)
            break;
        self->b.pages = self->page.number + 1;
        self->b.chunk = self->page.chunk;
        kt_text_copy(self->b.cursor, sizeof self->b.cursor, self->page.cursor);
    }

    kt_log_info("BACKFILL-LISTED", "backfill=%llu pages=%llu ms=%lld err=%s", (unsigned long long)self->b.id,
                (unsigned long long)self->b.pages, (long long)(kt_clock_ms() - began_ms), kt_err_name(err));
    return err;
}

static void *
scanner_run(void *context)
{
    kt_scanner_t *self = context;
    void         *item;
    size_t        n;
    for (;;) {
        kt_err_t err = kt_queue_pop(self->offers, &item, 1, &n, IDLE_MS);
        if (err == KT_ECLOSED)
            return NULL;
        if (err)
            continue;
        listing_t *listing = item;
        err                = scanner_list(listing);
        if (err == KT_ECLOSED)
            return listing;  // the actor may still use it: freed after the actor
        kt_backfill_source_destroy(&listing->source);
        free(listing);
        if (err && err != KT_EINVAL && err != KT_EFENCED)  // a pause before the next attempt; the end closes the queue
            (void)!kt_queue_pop(self->answers, &item, 1, &n, TROUBLE_MS);
        self->busy = false;
    }
}

kt_err_t
kt_scanner_new(kt_scanner_t **self_p, kt_ledger_actor_t *actor, const kt_settings_t *settings)
{
    kt_err_t      err  = KT_ENOMEM;
    kt_scanner_t *self = calloc(1, sizeof *self);
    if (!self)
        return err;
    self->actor    = actor;
    self->settings = settings;
    if ((err = kt_queue_new(&self->offers, 1)) || (err = kt_queue_new(&self->answers, 2)))
        goto fail;
    err = KT_ESYSTEM;
    if (pthread_create(&self->thread, NULL, scanner_run, self))
        goto fail;
    self->started = true;
    *self_p       = self;
    return KT_OK;
fail:
    kt_scanner_destroy(&self);
    return err;
}

void
kt_scanner_stop(kt_scanner_t *self)
{
    struct timespec until;
    if (!self || !self->started)
        return;
    self->ending = true;
    kt_queue_close(self->offers);
    kt_queue_close(self->answers);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    void *left       = NULL;
    self->left_alone = pthread_timedjoin_np(self->thread, &left, &until) != 0;
    self->started    = false;
    self->last       = left;
    if (self->left_alone)
        kt_log_warn("BACKFILL-HANGS", "text=\"the file system does not answer; listing goes on at the next start\"");
}

static void
free_listing(listing_t *self)
{
    if (!self)
        return;
    free(self->args.bytes);
    kt_backfill_source_destroy(&self->source);
    free(self);
}

void
kt_scanner_destroy(kt_scanner_t **self_p)
{
    kt_scanner_t *self = *self_p;
    if (!self)
        return;
    kt_scanner_stop(self);
    *self_p = NULL;
    if (self->left_alone)
        return;  // its thread may still use this memory
    void  *item;
    size_t n;
    free_listing(self->last);
    while (self->offers && !kt_queue_pop(self->offers, &item, 1, &n, 0))
        free_listing(item);
    while (self->answers && !kt_queue_pop(self->answers, &item, 1, &n, 0)) {
        kt_ledger_request_t *request = item;
        kt_ledger_request_destroy(&request);
    }
    kt_queue_destroy(&self->offers);
    kt_queue_destroy(&self->answers);
    free(self);
}

void
kt_scanner_offer(kt_scanner_t *self, const kt_backfill_t *b)
{
    if (self->busy)
        return;
    listing_t *listing = calloc(1, sizeof *listing);
    if (!listing)
        return;  // the next turn offers it again
    listing->scanner = self;
    listing->b       = *b;
    self->busy       = true;
    if (kt_queue_push(self->offers, &listing)) {
        self->busy = false;
        free(listing);
    }
}
