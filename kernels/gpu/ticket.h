// kt_gpu_ticket -- one request on its way through a GPU. It is part of its owner's object, stays where it is, and keeps
// the memory that its request names in use, until it is over: until `done` was called or kt_gpu_ticket_await returned.
//
// A request may be larger than a slot, such as that of a whole segment: it goes in pieces, which an item's results do
// not depend on. The queue has no bound of its own; its length is that of its owners.
#pragma once

#include "kernels/gpu/kind.h"

#include <stdbool.h>

typedef struct kt_gpu        kt_gpu_t;
typedef struct kt_gpu_ticket kt_gpu_ticket_t;

// From a thread of the GPU, which holds its lock: it may wake other threads, and neither waits nor calls the GPU. The
// ticket may be freed afterwards.
typedef void kt_gpu_done_fn(void *context, kt_err_t err);

struct kt_gpu_ticket {
    kt_gpu_request_t request;
    kt_gpu_done_fn  *done;  // NULL: somebody awaits it
    void            *context;
    // The GPU's.
    kt_gpu_batch_t   like;    // a batch of this request alone, without parts
    size_t           most;    // items in a slot
    size_t           next;    // first item that is in no batch yet
    size_t           ended;   // items whose batches are over
    uint32_t         flying;  // pieces in slots
    uint32_t         pace;    // of its configuration (private.h)
    kt_err_t         err;
    bool             over;
    kt_gpu_ticket_t *before, *after;
};

// Errors, also of await: on any of them the results are not valid. KT_ESTATE (lost), KT_ECLOSED, KT_ENOMEM, KT_EINVAL
// (an item that fits no slot, a configuration that the backend does not have).
//
// Returns at once. request, done and context are set; the kind's `describe` runs here. After an error the ticket
// is not on its way. A request without items is over at once: done is called before the return.
KT_MUST_USE kt_err_t kt_gpu_ticket_post(kt_gpu_t *self, kt_gpu_ticket_t *ticket);
KT_MUST_USE kt_err_t kt_gpu_ticket_await(kt_gpu_t *self, kt_gpu_ticket_t *ticket);
// True: it is over. Else done is called once, when it is.
bool kt_gpu_ticket_watch(kt_gpu_t *self, kt_gpu_ticket_t *ticket, kt_gpu_done_fn *done, void *context);
// Of one that was posted: nothing more of it is sent, and what is in flight is waited for. A watcher is called, too.
void kt_gpu_ticket_cancel(kt_gpu_t *self, kt_gpu_ticket_t *ticket);
// post and await.
KT_MUST_USE kt_err_t kt_gpu_run(kt_gpu_t *self, const kt_gpu_request_t *request);

// pace.c. Before the first request of a file of so many frames. False: the processor computes the file (choice.h), and
// its times are noted: those of each request, with the file's frames at the first one and 0 at the others. may_refuse
// false: the file is counted, and the GPU takes it. A GPU that is lost takes every file: the requests fail, which is
// counted as a failure.
bool kt_gpu_takes_file(kt_gpu_t *self, size_t frames, bool may_refuse);
// Before the first piece of a file's stream, of so many frames of rows: false while so many pieces of others are on
// their way that the file's would hold up who decodes it, or while the queue is long by what pieces save the processor,
// a part of what rows do (choice.h). Its sound stays on the processor then, its rows may go to the GPU.
enum { KT_GPU_PIECES_MOST = 16, KT_GPU_PIECES_PART = 5 };
bool kt_gpu_takes_pieces(kt_gpu_t *self, size_t frames);
void kt_gpu_note_cpu(kt_gpu_t *self, int64_t us, size_t frames);
