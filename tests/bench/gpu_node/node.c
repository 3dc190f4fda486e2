// gpu_node_bench: files per second of a node with and without a GPU, on a virtual clock. The queue, the batches and
// the threads of kernels/gpu are the node's own code; the device, the cores and what a file costs are numbers: those of
// docs/performance.md and docs/gpu.md. It answers what waiting costs, not how fast a GPU is.
//
//   gpu_node_bench            tables
//   gpu_node_bench --one PROFILE CORES WORKERS
//   gpu_node_bench --moved    what a node of 16 cores gains by each further part on the device
//   gpu_node_bench --check    exit 1 where a node of 16 or 64 cores is slower with a GPU than without
// --resample before these: with ANALYZER_GPU_RESAMPLE.
#include "common/clock.h"
#include "common/log.h"
#include "kernels/audio/piece_facts.h"
#include "kernels/gpu/cents.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/private.h"
#include "tests/bench/gpu_node/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS_MOST = 64, FILE_S = 240, WARM_US = 3000000, MEASURE_US = 10000000, TURN_US = 400000 };

// Core time of a file of four minutes by performance.md, ms: until it is decoded; on its samples beside that
// (resampled; loudness and true peak; quality), what is left of these where the device takes pieces of the stream
// (resampling; by instructions a quarter of quality); what the rises of the rhythm's finer rows need first, and the
// rest; what the device takes over (rows, chroma, finer rows; their rises; constant-Q; summaries; the bass, the key's
// peaks), and what it costs instead: constant-Q's table of a tuning.
static const double DECODE_MS = 4 * 39, SOURCE_MS = 4 * (8.0 + 6.5 + 6.0), PIECES_MS = 4 * (8.0 + 1.4),
                    FINE_MS = 4 * 0.3, AFTER_MS = 4 * 10.2, DEVICE_MS = 4 * (12.0 + 1.7 + 6.0 + 6.0 + 4.1),
                    TABLE_MS    = 0.4;
static const double RESAMPLE_MS = 4 * 8.0;
static bool         resamples;  // ANALYZER_GPU_RESAMPLE
// Copies to and from pinned memory, bytes a microsecond.
static const double COPY_RATE = 8000;

// --- requests --------------------------------------------------------------------------------------------------------

// first_bytes, next_bytes: in; item_bytes: out; table_bytes: in, where the samples are on the device; batch_bytes: out,
// once per batch.
typedef struct pass {
    kt_gpu_kind_t kind;
    uint32_t      first_bytes, next_bytes, item_bytes, frames, table_bytes, batch_bytes;
} pass_t;

// Of a file, as a request names them.
typedef struct work {
    const pass_t  *pass;
    kt_gpu_kept_t *kept;    // its samples on the device; NULL: the request brings them
    bool           fills;   // the request brings them and they are kept
    kt_gpu_kept_t *rows;    // of the first pass: those that stay on the device
    char          *pinned;  // a piece's samples in a block; NULL: they are copied
} work_t;

static void        describe(const void *work, kt_gpu_batch_t *out);
static void        describe_part(const void *work, size_t first, size_t items, void *args);
static void        share(const void *work, size_t first, size_t items, kt_gpu_share_t *out);
static void        stay(const void *work, size_t first, size_t items, kt_gpu_stay_t *out);
static const char *pinned(const void *work, size_t first);
static void        copy_in(const void *work, size_t first, size_t items, void *to);
static kt_err_t    copy_out(const void *work, size_t first, const kt_gpu_results_t *from);

static bool joins(const kt_gpu_batch_t *batch, const void *args);

#define KIND(which)                                                                                                    \
    {                                                                                                                  \
        which, "virtual", describe, describe_part, joins, share, stay, pinned, copy_in, copy_out                       \
    }
// 22,050 Hz: rows of 2048/512, chroma of the same frames, rises of mel rows of 1024/220.
static pass_t FIRST  = {KIND(KT_GPU_FRONTEND), 8192, 2048, 648 - STAY_BYTES, FILE_S * 22050 / 512, 0, 0},
              SECOND = {KIND(KT_GPU_CHROMA), 8192, 2048, 48, FILE_S * 22050 / 512, 0, 0},
              FINE   = {KIND(KT_GPU_RISES), 5856, 880, 18, FILE_S * 22050 / 220, 0, 0};
// Constant-Q, of the first frames too; its first bytes are set at the start.
static pass_t CQT = {KIND(KT_GPU_CQT), 0, 2048, 48, FILE_S * 22050 / 512, 0, 0};

// What is derived of the rows that stayed: onset and 32 bands come back.
static pass_t DERIVED = {KIND(KT_GPU_DERIVED), 4, 4, 132, FILE_S * 22050 / 512, 0, 0};

// Rows of the bass, one each 1024 samples; peaks in cents of frames of 8192/4096, with 20 KB of counts per batch.
static pass_t BASS  = {KIND(KT_GPU_BASS), 515 * 16 * 4, 4096, 24, FILE_S * 22050 / 1024, 0, 0},
              CENTS = {KIND(KT_GPU_CENTS), 32768, 16384, 4, FILE_S * 22050 / 4096, 0, sizeof(kt_gpu_cents_counts_t)};

// Statistics of the rows of all frames, an item is eight columns: of rows that are read where they are kept, and of the
// other ones.
#define COLUMNS_BYTES 32 * (FILE_S * 22050 / 512)
static pass_t
    KEPT_COLUMNS = {KIND(KT_GPU_COLUMNS), COLUMNS_BYTES, COLUMNS_BYTES, 8 * (40 + 257 * 4), KEPT_ITEMS, 0, 0},
    COLUMNS = {KIND(KT_GPU_COLUMNS), COLUMNS_BYTES, COLUMNS_BYTES, 8 * (40 + 257 * 4), SONG_ITEMS - KEPT_ITEMS, 0, 0};

// A piece of the stream: stereo in float at 44.1 kHz with its margins (kernels/audio/source.h); back come its facts,
// peaks and the energies of 32 hops. A file's are sent while it is decoded, as node/audio/pieces.c does it.
enum {
    PIECE_BYTES  = 2 * 4 * (KT_SOURCE_FRAMES + 6208 + 64),
    SUMS_BYTES   = 16 * 34,
    PIECES       = (FILE_S * 44100 + KT_SOURCE_FRAMES - 1) / KT_SOURCE_FRAMES,
    PIECE_PLACES = 3  // on their way
};
// Pieces of a request: one in the node, four in --check, which would take several minutes else.
static uint32_t at_once = 1;
static pass_t   PIECE   = {KIND(KT_GPU_SOURCE), PIECE_BYTES, PIECE_BYTES, SUMS_BYTES, 1, 0, 0};

static void
describe(const void *work, kt_gpu_batch_t *out)
{
    const pass_t *pass                = ((const work_t *)work)->pass;
    out->shape.first_bytes            = pass->first_bytes;
    out->shape.next_bytes             = pass->next_bytes;
    out->shape.section[0].item_bytes  = pass->item_bytes;
    out->shape.section[0].fixed_bytes = pass->batch_bytes;
    out->wanted                       = 1;
    memcpy(out->config, &pass->next_bytes, sizeof pass->next_bytes);
}

static void
describe_part(const void *work, size_t first, size_t items, void *args)
{
    (void)work;
    (void)first;
    (void)items;
    (void)args;
}

// Counts are of a batch with one part.
static bool
joins(const kt_gpu_batch_t *batch, const void *args)
{
    (void)args;
    return batch->kind != KT_GPU_CENTS;
}

static void
share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const work_t *self = work;
    (void)first;
    (void)items;
    if (self->kept)
        *out = (kt_gpu_share_t){.kept = self->kept, .fills = self->fills, .skip = self->pass->table_bytes};
}

static void
stay(const void *work, size_t first, size_t items, kt_gpu_stay_t *out)
{
    (void)first;
    (void)items;
    *out = (kt_gpu_stay_t){.kept = ((const work_t *)work)->rows};
}

static const char *
pinned(const void *work, size_t first)
{
    (void)first;
    return ((const work_t *)work)->pinned;
}

static void
copy_in(const void *work, size_t first, size_t items, void *to)
{
    const work_t *self = work;
    const pass_t *pass = self->pass;
    (void)first;
    (void)to;
    const size_t all = pass->first_bytes + (items - 1) * pass->next_bytes;
    cores_use((double)(self->kept && !self->fills ? pass->table_bytes : all) / COPY_RATE, true);
}

static kt_err_t
copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const pass_t *pass = ((const work_t *)work)->pass;
    (void)first;
    cores_use(((double)from->part->items * pass->item_bytes + pass->batch_bytes) / COPY_RATE, true);
    return KT_OK;
}

// --- node ------------------------------------------------------------------------------------------------------------

typedef enum way {
    WAY_CPU,     // no GPU
    WAY_SMALL,   // requests of 256 frames, each waited for
    WAY_WHOLE,   // requests of a whole segment, waited for
    WAY_PARKED,  // requests of a whole segment; the file rests, and the worker takes the next one
    WAY_SHARED,  // likewise, and the GPU leaves files to the processor (kernels/gpu/choice.h)
    WAYS
} way_t;

enum { PASSES = 8 };  // that are begun at once
typedef struct file {
    kt_gpu_ticket_t ticket[PASSES];
    kt_gpu_ticket_t piece_ticket[PIECE_PLACES];
    bool            sent;       // pieces, the last of which are waited for when the file goes on
    bool            resampled;  // by the device: the first pass brings nothing
    work_t          first, derived, second, fine, cqt, bass, cents, kept_columns, columns, piece[PIECE_PLACES];
    struct node    *node;
    struct file    *next;
} file_t;

typedef struct node {
    way_t           way;
    size_t          workers;
    kt_gpu_t       *gpu;
    pthread_mutex_t lock;
    pthread_cond_t  idle, ready;
    file_t         *free, *first, **last;  // places of files; those whose results are there
    uint64_t        done;
    bool            closing;
} node_t;

typedef struct worker {
    node_t   *node;
    size_t    number;
    pthread_t thread;
} worker_t;

static bool
node_closing(node_t *self)
{
    pthread_mutex_lock(&self->lock);
    const bool out = self->closing;
    pthread_mutex_unlock(&self->lock);
    return out;
}

static void
run_pass(kt_gpu_t *gpu, const pass_t *pass, uint32_t piece)
{
    const work_t work = {.pass = pass};
    for (uint32_t at = 0; at < pass->frames; at += piece) {
        const kt_gpu_request_t request = {&pass->kind, &work, pass->frames - at < piece ? pass->frames - at : piece};
        if (kt_gpu_run(gpu, &request))
            abort();
    }
}

static void
file_done(node_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->done++;
    pthread_mutex_unlock(&self->lock);
}

static void
post_pass(kt_gpu_t *gpu, kt_gpu_ticket_t *ticket, const work_t *work, size_t frames, kt_gpu_done_fn *done,
          void *context)
{
    *ticket = (kt_gpu_ticket_t){.request = {&work->pass->kind, work, frames}, .done = done, .context = context};
    if (kt_gpu_ticket_post(gpu, ticket))
        abort();
}

// A kt_gpu_done_fn: the file can go on.
static void
file_ready(void *context, kt_err_t err)
{
    file_t *file = context;
    node_t *self = file->node;
    (void)err;
    pthread_mutex_lock(&self->lock);
    file->next  = NULL;
    *self->last = file;
    self->last  = &file->next;
    pthread_cond_signal(&self->ready);
    pthread_mutex_unlock(&self->lock);
}

static void
await_pass(kt_gpu_t *gpu, kt_gpu_ticket_t *ticket)
{
    if (kt_gpu_ticket_await(gpu, ticket))
        abort();
}

static void
await_piece(kt_gpu_t *gpu, file_t *file, uint32_t place)
{
    await_pass(gpu, &file->piece_ticket[place]);
    if (file->piece[place].pinned)
        kt_gpu_give_pinned(gpu, file->piece[place].pinned);
}

static void
await_pieces(kt_gpu_t *gpu, file_t *file)
{
    for (uint32_t i = 0; i < PIECE_PLACES && file->sent; i++)
        await_piece(gpu, file, i);
    file->sent = false;
}

// The file is decoded, and its pieces go to the device; resampled ones are waited for.
static void
send_pieces(kt_gpu_t *gpu, file_t *file)
{
    const uint32_t requests = (PIECES + at_once - 1) / at_once;
    for (uint32_t i = 0; i < requests; i++) {
        const uint32_t place = i % PIECE_PLACES;
        if (i >= PIECE_PLACES)
            await_piece(gpu, file, place);
        // What is decoded is gathered for the request: as many floats are read, whatever is written.
        file->piece[place] = (work_t){.pass = &PIECE, .pinned = kt_gpu_take_pinned(gpu, 1)};
        cores_use(1000 * (DECODE_MS + PIECES_MS - (resamples ? RESAMPLE_MS : 0)) / requests +
                      (double)at_once * PIECE_BYTES / COPY_RATE,
                  false);
        post_pass(gpu, &file->piece_ticket[place], &file->piece[place], at_once, NULL, NULL);
    }
    file->sent      = true;
    file->resampled = resamples;
    if (resamples)
        await_pieces(gpu, file);
}

// The samples of the first pass stay on the device for the other ones, and so do rows of it, where there is room.
static void
post_first(kt_gpu_t *gpu, file_t *file, kt_gpu_done_fn *done)
{
    kt_gpu_kept_t *kept = kt_gpu_keep(gpu, (size_t)FIRST.frames * FIRST.next_bytes);
    kt_gpu_kept_t *rows = kt_gpu_keep(gpu, (size_t)FIRST.frames * KEPT_BYTES);
    file->first         = (work_t){.pass = &FIRST, .kept = kept, .fills = !file->resampled, .rows = rows};
    file->derived       = (work_t){.pass = &DERIVED, .kept = rows};
    file->second        = (work_t){.pass = &SECOND, .kept = kept};
    file->fine          = (work_t){.pass = &FINE, .kept = kept};
    file->cqt           = (work_t){.pass = &CQT, .kept = kept};
    file->bass          = (work_t){.pass = &BASS, .kept = kept};
    file->cents         = (work_t){.pass = &CENTS, .kept = kept};
    file->kept_columns  = (work_t){.pass = &KEPT_COLUMNS, .kept = rows};
    file->columns       = (work_t){.pass = &COLUMNS};
    post_pass(gpu, &file->ticket[0], &file->first, FIRST.frames, done, file);
}

// As node/audio/track.c does it: derived rows, both kinds of chroma and what the modules begin, then what reads chroma,
// then the rest.
static void
file_finish(file_t *file)
{
    kt_gpu_t *gpu = file->node->gpu;
    post_pass(gpu, &file->ticket[2], &file->derived, DERIVED.frames, NULL, NULL);
    post_pass(gpu, &file->ticket[0], &file->second, SECOND.frames, NULL, NULL);
    cores_use(1000 * TABLE_MS, false);
    post_pass(gpu, &file->ticket[1], &file->cqt, CQT.frames, NULL, NULL);
    cores_use(1000 * FINE_MS, false);
    post_pass(gpu, &file->ticket[3], &file->fine, FINE.frames, NULL, NULL);
    post_pass(gpu, &file->ticket[4], &file->bass, BASS.frames, NULL, NULL);
    post_pass(gpu, &file->ticket[5], &file->cents, CENTS.frames, NULL, NULL);
    await_pass(gpu, &file->ticket[2]);
    await_pass(gpu, &file->ticket[0]);
    await_pass(gpu, &file->ticket[1]);
    post_pass(gpu, &file->ticket[6], &file->kept_columns, KEPT_COLUMNS.frames, NULL, NULL);
    post_pass(gpu, &file->ticket[7], &file->columns, COLUMNS.frames, NULL, NULL);
    for (size_t i = 3; i < PASSES; i++)
        await_pass(gpu, &file->ticket[i]);
    await_pieces(gpu, file);
    kt_gpu_drop(gpu, &file->first.kept);
    kt_gpu_drop(gpu, &file->first.rows);
    cores_use(1000 * AFTER_MS, false);
    file_done(file->node);
}

// A file that begins, until it rests while the device computes its rows. False: the processor computed it. As
// kernels/gpu/device.c: where the device takes pieces, the file's way is decided before them, else with the rows.
static bool
begin_file(node_t *self, file_t *file)
{
    const bool shared = self->way == WAY_SHARED;
    const bool pieces = !shared || kt_gpu_takes_pieces(self->gpu, FIRST.frames);
    bool       takes  = pieces && kt_gpu_takes_file(self->gpu, FIRST.frames, shared);
    file->resampled   = false;
    if (takes)
        send_pieces(self->gpu, file);
    else
        cores_use(1000 * (DECODE_MS + SOURCE_MS), false);
    takes = takes || (!pieces && kt_gpu_takes_file(self->gpu, FIRST.frames, shared));
    if (takes) {
        post_first(self->gpu, file, file_ready);
        return true;
    }
    const int64_t start_us = kt_clock_us();
    cores_use(1000 * DEVICE_MS, false);
    kt_gpu_note_cpu(self->gpu, kt_clock_us() - start_us, FIRST.frames);
    cores_use(1000 * (FINE_MS + AFTER_MS), false);
    file_done(self);
    return false;
}

static void
free_file(node_t *self, file_t *file)
{
    pthread_mutex_lock(&self->lock);
    file->next = self->free;
    self->free = file;
    pthread_cond_signal(&self->idle);
    pthread_mutex_unlock(&self->lock);
}

static void
park_file(node_t *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->free)
        pthread_cond_wait(&self->idle, &self->lock);
    file_t *file = self->free;
    self->free   = file->next;
    pthread_mutex_unlock(&self->lock);
    file->node = self;
    if (!begin_file(self, file))
        free_file(self, file);
}

static void *
worker_main(void *argument)
{
    worker_t *worker = argument;
    node_t   *self   = worker->node;
    vt_sleep_until(kt_clock_us() + (int64_t)(worker->number * 2654435761u % 400000));  // out of step
    while (!node_closing(self)) {
        file_t file = {.node = self};
        if (self->way >= WAY_PARKED) {
            park_file(self);
            continue;
        }
        if (self->way == WAY_CPU) {
            cores_use(1000 * (DECODE_MS + SOURCE_MS + DEVICE_MS + FINE_MS + AFTER_MS), false);
            file_done(self);
        } else if (self->way == WAY_SMALL) {
            cores_use(1000 * (DECODE_MS + SOURCE_MS), false);
            run_pass(self->gpu, &FIRST, 256);
            run_pass(self->gpu, &DERIVED, DERIVED.frames);
            run_pass(self->gpu, &FINE, 256);
            run_pass(self->gpu, &SECOND, SECOND.frames);
            run_pass(self->gpu, &CQT, CQT.frames);
            run_pass(self->gpu, &BASS, BASS.frames);
            run_pass(self->gpu, &CENTS, CENTS.frames);
            run_pass(self->gpu, &KEPT_COLUMNS, KEPT_COLUMNS.frames);
            run_pass(self->gpu, &COLUMNS, COLUMNS.frames);
            cores_use(1000 * (TABLE_MS + FINE_MS + AFTER_MS), false);
            file_done(self);
        } else {
            send_pieces(self->gpu, &file);
            post_first(self->gpu, &file, NULL);
            await_pass(self->gpu, &file.ticket[0]);
            file_finish(&file);
        }
    }
    return NULL;
}

// Takes files whose results are there.
static void *
finisher_main(void *argument)
{
    node_t *self = ((worker_t *)argument)->node;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        while (!self->first && !self->closing)
            pthread_cond_wait(&self->ready, &self->lock);
        file_t *file = self->first;
        if (!file)
            break;
        self->first = file->next;
        self->last  = self->first ? self->last : &self->first;
        pthread_mutex_unlock(&self->lock);
        file_finish(file);
        free_file(self, file);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

// --- runs ------------------------------------------------------------------------------------------------------------

typedef struct run {
    double files_s, in_mb, out_mb;  // MB a minute of audio
    double share;                   // of the files that a GPU took
} run_t;

static run_t
node_run(way_t way, const gpu_profile_t *profile, size_t cores, size_t workers)
{
    static file_t   places[2 * WORKERS_MOST];
    static worker_t threads[2 * WORKERS_MOST];
    node_t          node = {.way = way, .workers = workers};
    node.last            = &node.first;
    const size_t n       = way >= WAY_PARKED ? 2 * workers : workers;
    char         why[KT_GPU_WHY];
    vt_begin();
    cores_open(cores);
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.backend       = virtual_backend(profile);
    opts.pinned        = 3 * (uint32_t)workers;
    if (way != WAY_CPU && kt_gpu_open(&node.gpu, &opts, 0, why))
        abort();
    for (size_t i = 0; i < 2 * workers; i++) {
        places[i].next = node.free;
        node.free      = &places[i];
    }
    for (size_t i = 0; i < n; i++) {
        threads[i] = (worker_t){.node = &node, .number = i};
        if (pthread_create(&threads[i].thread, NULL, i < workers ? worker_main : finisher_main, &threads[i]))
            abort();
    }
    // Where there are more workers than cores, a turn of all files takes longer.
    const int64_t more_us = (int64_t)(2 * workers / cores) * TURN_US;
    vt_sleep_until(kt_clock_us() + WARM_US + 2 * more_us);
    const kt_gpu_t before  = node.gpu ? *node.gpu : (kt_gpu_t){0};
    const uint64_t done    = node.done;
    const int64_t  from_us = kt_clock_us();
    const int64_t  took_us = MEASURE_US + 2 * more_us;
    vt_sleep_until(from_us + took_us);
    const uint64_t files = node.done - done;
    const kt_gpu_t after = node.gpu ? *node.gpu : (kt_gpu_t){0};
    pthread_mutex_lock(&node.lock);
    node.closing = true;
    pthread_mutex_unlock(&node.lock);
    // Workers first: what they parked is finished by the others, which end when nothing is left.
    for (size_t i = 0; i < n; i++) {
        if (i == workers && node.gpu) {
            const int64_t until_us = kt_clock_us() + 5000000;
            vt_sleep_until(until_us);
            pthread_mutex_lock(&node.lock);
            pthread_cond_broadcast(&node.ready);
            pthread_mutex_unlock(&node.lock);
        }
        (void)pthread_join(threads[i].thread, NULL);
    }
    if (node.gpu && !kt_gpu_close(&node.gpu))
        abort();
    vt_end();
    const double   minutes = (double)files * FILE_S / 60;
    const uint64_t on_gpu = after.files - before.files, on_cpu = after.cpu_files - before.cpu_files;
    return (run_t){.files_s = (double)files * 1e6 / (double)took_us,
                   .share   = on_gpu ? (double)on_gpu / (double)(on_gpu + on_cpu) : 0,
                   .in_mb   = files ? (double)(after.in_bytes - before.in_bytes) * 1e-6 / minutes : 0,
                   .out_mb  = files ? (double)(after.out_bytes - before.out_bytes) * 1e-6 / minutes : 0};
}

static const char *const WAYS_TEXT[WAYS] = {[WAY_SMALL]  = "256 frames, waited for",
                                            [WAY_WHOLE]  = "whole segments, waited for",
                                            [WAY_PARKED] = "whole segments, the file rests",
                                            [WAY_SHARED] = "likewise, the CPU takes files too"};

static void
print_cores(void)
{
    static const size_t CORES[] = {1, 4, 16, 64};
    const size_t        n       = sizeof CORES / sizeof *CORES;
    double              cpu[sizeof CORES / sizeof *CORES];
    printf("| GPU | requests | 1 core: files/s, ratio | 4 cores | 16 cores | 64 cores |\n"
           "| --- | --- | --- | --- | --- | --- |\n| none | |");
    for (size_t c = 0; c < n; c++) {
        cpu[c] = node_run(WAY_CPU, NULL, CORES[c], CORES[c]).files_s;
        printf(" %.1f |", cpu[c]);
    }
    printf("\n");
    for (size_t p = 0; p < GPU_PROFILES_COUNT; p++)
        for (way_t way = WAY_SMALL; way < WAYS; way++) {
            printf("| %s | %s |", GPU_PROFILES[p].name, WAYS_TEXT[way]);
            for (size_t c = 0; c < n; c++) {
                const double gpu = node_run(way, &GPU_PROFILES[p], CORES[c], CORES[c]).files_s;
                printf(" %.1f, %.2f |", gpu, gpu / cpu[c]);
                (void)fflush(stdout);
            }
            printf("\n");
        }
}

static void
print_workers(void)
{
    enum { COUNTS = 10, NODES = 4 };
    static const size_t WORKERS[COUNTS] = {1, 2, 4, 8, 12, 16, 24, 32, 48, 64}, CORES[NODES] = {1, 4, 16, 64};
    double              cpu[NODES][COUNTS];
    printf("\n| GPU | least ratio with 1 to 64 workers: 1 core | 4 cores | 16 cores | 64 cores |\n"
           "| --- | --- | --- | --- | --- |\n");
    for (size_t c = 0; c < NODES; c++)
        for (size_t w = 0; w < COUNTS; w++)
            cpu[c][w] = node_run(WAY_CPU, NULL, CORES[c], WORKERS[w]).files_s;
    for (size_t p = 0; p < GPU_PROFILES_COUNT; p++) {
        printf("| %s |", GPU_PROFILES[p].name);
        for (size_t c = 0; c < NODES; c++) {
            size_t at    = 0;
            double least = INFINITY;
            for (size_t w = 0; w < COUNTS; w++) {
                const double ratio = node_run(WAY_SHARED, &GPU_PROFILES[p], CORES[c], WORKERS[w]).files_s / cpu[c][w];
                at                 = ratio < least ? w : at;
                least              = ratio < least ? ratio : least;
            }
            printf(" %.2f (%zu) |", least, WORKERS[at]);
            (void)fflush(stdout);
        }
        printf("\n");
    }
}

// The pieces' resampled samples come back.
static void
resample_there(void)
{
    resamples = true;
    PIECE.item_bytes += 4 * KT_SOURCE_FRAMES / 2;
}

static void
halve_samples(void)
{
    PIECE.next_bytes = PIECE.first_bytes = PIECE.next_bytes / 2;
}

// Each with those above it.
static void
print_moved(void)
{
    static const struct {
        const char *what;
        void (*apply)(void);
    } MOVES[] = {
        {"as it is", NULL},
        {"resampling: `ANALYZER_GPU_RESAMPLE`", resample_there},
        {"files with samples of 16 bits", halve_samples},
    };
    const double cpu = node_run(WAY_CPU, NULL, 16, 16).files_s;
    printf("| on the device too, with all above | L4: ratio | H200: ratio | MB in | MB out |\n"
           "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof MOVES / sizeof *MOVES; i++) {
        if (MOVES[i].apply)
            MOVES[i].apply();
        const run_t l4   = node_run(WAY_SHARED, &GPU_PROFILES[1], 16, 16);
        const run_t h200 = node_run(WAY_SHARED, &GPU_PROFILES[2], 16, 16);
        printf("| %s | %.2f | %.2f | %.1f | %.1f |\n", MOVES[i].what, l4.files_s / cpu, h200.files_s / cpu, h200.in_mb,
               h200.out_mb);
        (void)fflush(stdout);
    }
}

// Each profile beside 16 cores, whatever the workers, and beside 64, where the GPU is the narrow place.
static bool
check(void)
{
    static const struct {
        size_t cores, workers;
    } NODES[]  = {{16, 1}, {16, 16}, {16, 40}, {64, 64}};
    bool right = true;
    at_once    = 4;
    for (size_t n = 0; n < sizeof NODES / sizeof *NODES; n++) {
        const double cpu = node_run(WAY_CPU, NULL, NODES[n].cores, NODES[n].workers).files_s;
        for (size_t p = 0; p < GPU_PROFILES_COUNT; p++) {
            const run_t gpu = node_run(WAY_SHARED, &GPU_PROFILES[p], NODES[n].cores, NODES[n].workers);
            printf("%s, %zu cores, %zu workers: %.2f, %.0f %% of the files on the GPU\n", GPU_PROFILES[p].name,
                   NODES[n].cores, NODES[n].workers, gpu.files_s / cpu, 100 * gpu.share);
            right = right && gpu.files_s >= cpu;
        }
    }
    return right;
}

static bool
print_one(const char *name, size_t cores, size_t workers)
{
    size_t p = 0;
    while (p < GPU_PROFILES_COUNT && strcmp(GPU_PROFILES[p].name, name) != 0)
        p++;
    if (p == GPU_PROFILES_COUNT || cores < 1 || workers < 1 || workers > WORKERS_MOST)
        return false;
    const double cpu = node_run(WAY_CPU, NULL, cores, workers).files_s;
    const run_t  all = node_run(WAY_PARKED, &GPU_PROFILES[p], cores, workers);
    const run_t  gpu = node_run(WAY_SHARED, &GPU_PROFILES[p], cores, workers);
    printf("without %.1f files/s, with %.1f, ratio %.2f, %.0f %% of the files on the GPU; all there %.1f, ratio %.2f, "
           "%.1f MB in and %.1f out a minute of audio\n",
           cpu, gpu.files_s, gpu.files_s / cpu, 100 * gpu.share, all.files_s, all.files_s / cpu, all.in_mb, all.out_mb);
    return true;
}

int
main(int argc, char **argv)
{
    kt_log_setup(KT_LOG_ERROR, KT_LOG_TEXT, "gpu_node_bench");
    CQT.table_bytes = sizeof(kt_gpu_cqt_table_t);
    PIECE.item_bytes += (uint32_t)kt_piece_facts_bytes(44100, 2);
    CQT.first_bytes = (uint32_t)(sizeof(kt_gpu_cqt_table_t) + kt_gpu_cqt_samples(1024, 512, 0, 1) * sizeof(float));
    if (argc > 1 && strcmp(argv[1], "--resample") == 0) {
        resample_there();
        argv++;
        argc--;
    }
    if (argc > 1 && strcmp(argv[1], "--check") == 0)
        return check() ? 0 : 1;
    if (argc > 1 && strcmp(argv[1], "--moved") == 0) {
        print_moved();
        return 0;
    }
    if (argc > 4 && strcmp(argv[1], "--one") == 0)
        return print_one(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10)) ? 0 : 1;
    print_cores();
    print_workers();
    const run_t h200 = node_run(WAY_SHARED, &GPU_PROFILES[2], 16, 16);
    printf("\nover the bus, MB a minute of audio: %.1f in, %.1f out\n", h200.in_mb, h200.out_mb);
    printf("gpu-node ratio=%.2f\n", h200.files_s / node_run(WAY_CPU, NULL, 16, 16).files_s);
    return 0;
}
