// The thread's state is a target (the last MODELS) and, while files are missing, one file that is being fetched into
// fetch.part. The link thread passes messages in as commands and reads what is wanted under `lock`.
#include "node/models/sync.h"

#include "common/file.h"
#include "common/log.h"
#include "common/queue.h"
#include "common/text.h"
#include "models/catalogue/registry.h"
#include "node/models/cache.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { COMMANDS = 16, WATCH_MS = 2000 };

// A message for the thread; one of both is set.
typedef struct command {
    kt_model_target_t *target;
    kt_digest_t        digest;  // of a part
    uint64_t           offset, total;
    kt_err_t           err;
    size_t             length;
    char               bytes[];
} command_t;

struct kt_model_sync {
    char               own[PATH_MAX], cache[PATH_MAX];
    kt_model_folder_t *folder;
    kt_queue_t        *commands;
    pthread_t          thread;
    bool               running;

    // The thread's.
    kt_model_target_t *target;  // NULL: no MODELS yet
    bool               failed;  // tried again after KT_MODEL_SYNC_RETRY_MS
    bool               applied;
    int                fd;  // of fetch.part; -1: nothing is fetched
    size_t             fetching;
    uint64_t           offset;

    pthread_mutex_t lock;  // of what follows
    bool            wanting, news, from_coordinator;
    kt_model_want_t want;
    kt_digest_t     digest;
    int             event_fd;
};

static void
report(kt_model_sync_t *self, const kt_model_want_t *want)
{
    uint64_t one = 1;
    pthread_mutex_lock(&self->lock);
    self->wanting = want != NULL;
    self->news    = true;
    if (want)
        self->want = *want;
    pthread_mutex_unlock(&self->lock);
    (void)!write(self->event_fd, &one, sizeof one);
}

static void
stop_fetching(kt_model_sync_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

static void
fail_target(kt_model_sync_t *self, kt_err_t err, const char *why)
{
    char quoted[KT_CATALOGUE_WHY];
    stop_fetching(self);
    self->failed = true;
    kt_log_error("MODELS-NOT-USED", "err=%s why=\"%s\" text=\"the node keeps its present models\"", kt_err_name(err),
                 kt_log_quote(quoted, sizeof quoted, why && *why ? why : kt_err_text(err)));
    report(self, NULL);
}

// Opens the set of the folder. coordinator: it is the one of the target.
static void
use_folder(kt_model_sync_t *self, const char *folder, bool coordinator)
{
    bool     changed;
    char     why[KT_CATALOGUE_WHY] = "", hex[KT_DIGEST_HEX];
    kt_err_t err                   = kt_model_folder_move(self->folder, folder);
    if (!err)
        err = kt_model_folder_refresh(self->folder, &changed, why);
    if (err) {
        fail_target(self, err, why);
        return;
    }
    kt_model_set_t *set = kt_model_folder_set(self->folder);
    pthread_mutex_lock(&self->lock);
    self->from_coordinator = coordinator;
    self->digest           = coordinator ? self->target->digest : *kt_model_set_digest(set);
    pthread_mutex_unlock(&self->lock);
    self->applied = true;
    kt_log_info("MODELS-USED", "folder=\"%s\" models=%zu digest=%s", folder, kt_model_set_count(set),
                kt_digest_hex(&self->digest, hex));
    for (size_t i = 0; i < kt_model_set_count(set); i++) {
        const kt_model_entry_t *entry = kt_model_set_at(set, i);
        char                    quoted[KT_KTM_WHY];
        if (entry->err)
            kt_log_error("MODEL-BAD", "model=%s version=%s err=%s why=\"%s\"", entry->name, entry->version,
                         kt_err_name(entry->err), kt_log_quote(quoted, sizeof quoted, entry->why));
    }
    kt_model_set_release(&set);
    report(self, NULL);
}

// Asks for the next missing file, or uses the set when none is missing.
static void
advance(kt_model_sync_t *self)
{
    kt_model_target_t *target = self->target;
    kt_digest_t        own;
    self->failed = false;
    stop_fetching(self);
    if (!target->exists) {
        use_folder(self, self->own, false);
        return;
    }
    if (!kt_registry_digest(self->own, &own) && !memcmp(&own, &target->digest, sizeof own)) {
        use_folder(self, self->own, true);
        return;
    }
    kt_err_t err = kt_model_cache_missing(self->cache, target, &self->fetching);
    if (err == KT_ENOTFOUND) {
        err = kt_model_cache_write(self->cache, target);
        if (err)
            fail_target(self, err, NULL);
        else
            use_folder(self, self->cache, true);
        return;
    }
    if (!err)
        err = kt_model_cache_begin(self->cache, &self->fd);
    if (err) {
        fail_target(self, err, self->cache);
        return;
    }
    self->offset         = 0;
    kt_model_want_t want = {target->at[self->fetching].digest, 0};
    report(self, &want);
}

static void
finish_file(kt_model_sync_t *self)
{
    const kt_model_file_t *file = &self->target->at[self->fetching];
    kt_err_t               err  = kt_model_cache_finish(self->cache, self->fd, file);
    stop_fetching(self);
    if (err) {
        fail_target(self, err, file->name);
        return;
    }
    kt_log_info("MODEL-FETCHED", "model=%s version=%s bytes=%llu", file->name, file->version,
                (unsigned long long)file->bytes);
    advance(self);
}

static void
take_part(kt_model_sync_t *self, const command_t *part)
{
    if (self->fd < 0 || !self->target)
        return;
    const kt_model_file_t *file = &self->target->at[self->fetching];
    if (memcmp(&part->digest, &file->digest, sizeof part->digest) || part->offset != self->offset)
        return;
    kt_err_t err = part->err ? part->err : part->total == file->bytes && part->length ? KT_OK : KT_EMESSAGE;
    if (!err && part->length > file->bytes - self->offset)
        err = KT_EMESSAGE;
    if (!err && pwrite(self->fd, part->bytes, part->length, (off_t)self->offset) != (ssize_t)part->length)
        err = kt_file_write_err_of_errno();
    if (err) {
        fail_target(self, err, file->name);
        return;
    }
    self->offset += part->length;
    if (self->offset == file->bytes) {
        finish_file(self);
        return;
    }
    kt_model_want_t want = {file->digest, self->offset};
    report(self, &want);
}

static void
take_target(kt_model_sync_t *self, kt_model_target_t **target_p)
{
    bool same = self->target && self->target->exists == (*target_p)->exists &&
                !memcmp(&self->target->digest, &(*target_p)->digest, sizeof self->target->digest);
    if (same && (self->applied || self->fd >= 0)) {
        free(*target_p);
    } else {
        free(self->target);
        self->target  = *target_p;
        self->applied = false;
        advance(self);
    }
    *target_p = NULL;
}

// A coordinator without a catalogue leaves the node with its own folder, whose changes are followed.
static void
watch(kt_model_sync_t *self, int64_t *waited_ms)
{
    bool changed;
    char why[KT_CATALOGUE_WHY], quoted[KT_CATALOGUE_WHY];
    if (self->target && self->failed && (*waited_ms += WATCH_MS) >= KT_MODEL_SYNC_RETRY_MS) {
        *waited_ms = 0;
        advance(self);
    }
    if (self->target && self->target->exists)
        return;
    kt_err_t err = kt_model_folder_refresh(self->folder, &changed, why);
    if (err)
        kt_log_error("MODELS-NOT-USED", "err=%s why=\"%s\"", kt_err_name(err),
                     kt_log_quote(quoted, sizeof quoted, why));
    if (err || !changed)
        return;
    kt_model_set_t *set = kt_model_folder_set(self->folder);
    pthread_mutex_lock(&self->lock);
    self->digest = *kt_model_set_digest(set);
    pthread_mutex_unlock(&self->lock);
    kt_model_set_release(&set);
    report(self, NULL);
}

static void *
sync_main(void *argument)
{
    kt_model_sync_t *self      = argument;
    int64_t          waited_ms = 0;
    kt_err_t         err;
    do {
        void  *popped = NULL;
        size_t n      = 0;
        err           = kt_queue_pop(self->commands, &popped, 1, &n, WATCH_MS);
        if (err == KT_ETIME)
            watch(self, &waited_ms);
        if (err)
            continue;
        command_t *command = popped;
        if (command->target)
            take_target(self, &command->target);
        else
            take_part(self, command);
        free(command);
    } while (err != KT_ECLOSED);
    return NULL;
}

// The folder that was used last: a complete set of a coordinator, else ANALYZER_MODEL_PATH; where that one is not valid
// none.
static kt_err_t
open_folder(kt_model_sync_t *self, const kt_model_opts_t *opts)
{
    char        path[PATH_MAX], why[KT_CATALOGUE_WHY] = "", quoted[KT_CATALOGUE_WHY];
    bool        cached = snprintf(path, sizeof path, "%s/models.yml", self->cache) < PATH_MAX && !access(path, R_OK);
    const char *first  = cached ? self->cache : self->own;
    kt_err_t    err    = kt_model_folder_open(&self->folder, first, opts, why);
    if (err && err != KT_ENOMEM) {
        kt_log_error("MODELS-BAD", "folder=\"%s\" err=%s why=\"%s\"", first, kt_err_name(err),
                     kt_log_quote(quoted, sizeof quoted, why));
        if (snprintf(path, sizeof path, "%s/none", self->cache) >= PATH_MAX)
            return KT_EINVAL;
        err = kt_model_folder_open(&self->folder, path, opts, why);  // no such folder: an empty set
        if (!err)
            err = kt_model_folder_move(self->folder, self->own);
    }
    if (err)
        return err;
    kt_model_set_t *set    = kt_model_folder_set(self->folder);
    self->digest           = *kt_model_set_digest(set);
    self->from_coordinator = cached;
    kt_model_set_release(&set);
    return KT_OK;
}

kt_err_t
kt_model_sync_new(kt_model_sync_t **self_p, const kt_model_sync_opts_t *opts)
{
    kt_model_sync_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->fd = -1;
    pthread_mutex_init(&self->lock, NULL);
    self->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kt_err_t err   = self->event_fd < 0 ? KT_ESYSTEM : KT_OK;
    if (!err && (!kt_text_copy(self->own, sizeof self->own, opts->own) ||
                 !kt_text_copy(self->cache, sizeof self->cache, opts->cache)))
        err = KT_EINVAL;
    if (!err)
        err = open_folder(self, opts->model);
    if (!err)
        err = kt_queue_new(&self->commands, COMMANDS);
    if (!err && pthread_create(&self->thread, NULL, sync_main, self))
        err = KT_ESYSTEM;
    if (err)
        goto fail;
    self->running = true;
    *self_p       = self;
    return KT_OK;
fail:
    kt_model_sync_destroy(&self);
    return err;
}

void
kt_model_sync_destroy(kt_model_sync_t **self_p)
{
    kt_model_sync_t *self = *self_p;
    if (!self)
        return;
    if (self->running) {
        kt_queue_close(self->commands);
        pthread_join(self->thread, NULL);
    }
    stop_fetching(self);
    kt_queue_destroy(&self->commands);  // the thread has emptied it
    kt_model_folder_close(&self->folder);
    if (self->event_fd >= 0)
        close(self->event_fd);
    free(self->target);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

kt_model_set_t *
kt_model_sync_set(kt_model_sync_t *self)
{
    return kt_model_folder_set(self->folder);
}

bool
kt_model_sync_digest(kt_model_sync_t *self, kt_digest_t *out)
{
    pthread_mutex_lock(&self->lock);
    *out             = self->digest;
    bool coordinator = self->from_coordinator;
    pthread_mutex_unlock(&self->lock);
    return coordinator;
}

// A command that finds no room is dropped: its message is repeated.
static void
push(kt_model_sync_t *self, command_t *command)
{
    if (!command || !kt_queue_push(self->commands, &command))
        return;
    free(command->target);
    free(command);
}

void
kt_model_sync_models(kt_model_sync_t *self, const kt_msg_models_t *msg)
{
    command_t *command = calloc(1, sizeof *command);
    if (command && !(command->target = kt_model_target_of(msg))) {
        kt_log_error("MODELS-BAD", "text=\"the coordinator's list of models is not valid\"");
        free(command);
        return;
    }
    push(self, command);
}

void
kt_model_sync_part(kt_model_sync_t *self, const kt_msg_part_t *msg)
{
    command_t *command = malloc(sizeof *command + msg->bytes.n);
    if (!command || msg->digest.n != sizeof command->digest.bytes) {
        free(command);
        return;
    }
    *command = (command_t){.offset = msg->offset,
                           .total  = msg->total,
                           .err    = msg->err < 0 ? (kt_err_t)msg->err : KT_OK,
                           .length = msg->bytes.n};
    memcpy(command->digest.bytes, msg->digest.at, sizeof command->digest.bytes);
    if (msg->bytes.n)
        memcpy(command->bytes, msg->bytes.at, msg->bytes.n);
    push(self, command);
}

int
kt_model_sync_fd(kt_model_sync_t *self)
{
    return self->event_fd;
}

bool
kt_model_sync_wants(kt_model_sync_t *self, kt_model_want_t *out, bool *news)
{
    uint64_t count;
    (void)!read(self->event_fd, &count, sizeof count);
    pthread_mutex_lock(&self->lock);
    bool wanting = self->wanting;
    *out         = self->want;
    *news        = self->news;
    self->news   = false;
    pthread_mutex_unlock(&self->lock);
    return wanting;
}
