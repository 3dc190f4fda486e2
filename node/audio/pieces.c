#include "node/audio/pieces.h"

#include "kernels/audio/piece_facts.h"

#include <stdlib.h>
#include <string.h>

// PLACES: one is filled while three are on their way. A piece is 3 s of sound, which take a core 100 ms or more; a
// device is behind by more only while its queue is long.
enum { PLACES = 4 };

typedef struct place {
    char             *samples;  // of the piece with its margins, as far as they came
    bool              is_open;  // there is memory for results
    bool              pinned;   // they are the device's memory, while the piece is filled and on its way
    size_t            filled;   // frames
    kt_source_piece_t piece;
    kt_device_job_t  *job;  // NULL: none is on its way
} place_t;

struct kt_pieces {
    kt_device_t     *device;
    kt_source_opts_t opts;
    kt_piece_fn     *done;
    void            *context;
    uint32_t         before, after;
    uint64_t         filling, oldest;  // numbers of pieces: the one that is filled, the first that is not over
    bool             ended;            // the last piece is sent
    bool             is_s16;           // all samples so far are of 16 bits, and are gathered as such
    place_t          place[PLACES];
};

static place_t *
place_of(kt_pieces_t *self, uint64_t piece)
{
    return &self->place[piece % PLACES];
}

static size_t
frame_bytes(const kt_pieces_t *self, const place_t *place)
{
    const kt_source_opts_t opts = {.channels = self->opts.channels, .format = place->piece.format};
    return kt_source_frame_bytes(&opts);
}

static size_t
place_frames(const kt_source_opts_t *opts)
{
    const uint32_t reach = kt_source_reach(opts);
    return (size_t)kt_source_before(opts->rate_hz, reach) + KT_SOURCE_FRAMES + kt_source_after(reach);
}

static size_t
energy_count(const kt_source_opts_t *opts)
{
    return opts->loudness ? (size_t)kt_source_hops(opts->rate_hz) * opts->channels : 0;
}

uint64_t
kt_pieces_bytes(const kt_source_opts_t *opts)
{
    return PLACES * (place_frames(opts) * kt_source_frame_bytes(opts) + kt_source_outputs(opts) * sizeof(float) +
                     energy_count(opts) * sizeof(double) +
                     (opts->facts ? kt_piece_facts_bytes(opts->rate_hz, opts->channels) : 0));
}

static void
free_samples(const kt_pieces_t *self, place_t *place)
{
    if (place->pinned)
        kt_device_give_pinned(self->device, place->samples);
    else
        free(place->samples);
    place->samples = NULL;
    place->pinned  = false;
}

// Memory of samples, which grows as pages are touched where it is not the device's, and that of results once.
static kt_err_t
place_open(const kt_pieces_t *self, place_t *place)
{
    const kt_source_opts_t *opts  = &self->opts;
    const size_t            bytes = place_frames(opts) * kt_source_frame_bytes(opts);
    if (place->samples)
        return KT_OK;
    place->samples = kt_device_take_pinned(self->device, bytes);
    place->pinned  = place->samples != NULL;
    if (!place->pinned)
        place->samples = malloc(bytes);
    if (place->is_open)
        return place->samples ? KT_OK : KT_ENOMEM;
    place->is_open = true;
    if (opts->to_hz)
        place->piece.mono = calloc(kt_source_outputs(opts), sizeof *place->piece.mono);
    if (opts->loudness) {
        place->piece.energy = calloc(energy_count(opts), sizeof *place->piece.energy);
        place->piece.peaks  = calloc(opts->channels, sizeof *place->piece.peaks);
    }
    if (opts->facts)
        place->piece.facts = kt_piece_facts_new(opts->rate_hz, opts->channels);
    return place->samples && (place->piece.mono || !opts->to_hz) && (place->piece.facts || !opts->facts) &&
                   ((place->piece.energy && place->piece.peaks) || !opts->loudness)
               ? KT_OK
               : KT_ENOMEM;
}

kt_err_t
kt_pieces_new(kt_pieces_t **self_p, kt_device_t *device, const kt_source_opts_t *opts, kt_piece_fn *done, void *context)
{
    kt_pieces_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device  = device;
    self->opts    = *opts;
    self->done    = done;
    self->context = context;
    self->before  = kt_source_before(opts->rate_hz, kt_source_reach(opts));
    self->after   = kt_source_after(kt_source_reach(opts));
    self->is_s16  = true;
    *self_p       = self;
    return KT_OK;
}

void
kt_pieces_destroy(kt_pieces_t **self_p)
{
    kt_pieces_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < PLACES; i++) {
        place_t *place = &self->place[i];
        kt_device_cancel(self->device, &place->job);
        free_samples(self, place);
        free(place->piece.mono);
        free(place->piece.energy);
        free(place->piece.peaks);
        free(place->piece.facts);
    }
    free(self);
    *self_p = NULL;
}

static kt_err_t
end_oldest(kt_pieces_t *self)
{
    place_t *place = place_of(self, self->oldest++);
    kt_err_t err   = kt_device_end(self->device, &place->job);
    if (!err)
        err = self->done(self->context, &place->piece);
    if (place->pinned)
        free_samples(self, place);
    return err;
}

// Sends the piece that is filled; the next one begins with the samples that both have.
static kt_err_t
send_piece(kt_pieces_t *self)
{
    place_t           *place = place_of(self, self->filling);
    kt_source_piece_t *piece = &place->piece;
    const size_t       came  = place->filled - piece->had;
    piece->pcm               = place->samples;
    piece->frames            = came < KT_SOURCE_FRAMES ? (uint32_t)came : KT_SOURCE_FRAMES;
    piece->has               = (uint32_t)came - piece->frames;
    kt_source_opts_t opts    = self->opts;
    opts.format              = piece->format;
    kt_err_t err             = kt_device_begin_piece(self->device, &opts, piece, &place->job);
    self->filling++;
    self->ended = piece->has == 0;
    if (err || self->ended)
        return err;

    const uint64_t first = piece->first + KT_SOURCE_FRAMES;
    const uint32_t had   = first < self->before ? (uint32_t)first : self->before;
    place_t       *next  = place_of(self, self->filling);
    if (self->filling - self->oldest == PLACES)
        err = end_oldest(self);
    if (!err)
        err = place_open(self, next);
    if (err)
        return err;
    const size_t bytes = frame_bytes(self, place);
    next->piece.first  = first;
    next->piece.had    = had;
    next->piece.format = piece->format;
    next->filled       = had + piece->has;
    memcpy(next->samples, place->samples + (place->filled - next->filled) * bytes, next->filled * bytes);
    return KT_OK;
}

// The samples that are gathered become floats, from the last one on, in the same memory.
static void
widen(const kt_pieces_t *self, place_t *place)
{
    for (size_t i = place->filled * self->opts.channels; i-- > 0;) {
        int16_t value;
        memcpy(&value, place->samples + i * sizeof value, sizeof value);
        const float wide = (float)value * KT_S16_UNIT;
        memcpy(place->samples + i * sizeof wide, &wide, sizeof wide);
    }
    place->piece.format = KT_SAMPLES_F32;
}

static void
gather(kt_pieces_t *self, place_t *place, const float *samples, size_t frames)
{
    const size_t n = frames * self->opts.channels;
    if (place->filled == 0)
        place->piece.format = self->is_s16 ? KT_SAMPLES_S16 : KT_SAMPLES_F32;
    if (self->is_s16 && !kt_samples_are_s16(samples, n)) {
        self->is_s16 = false;
        widen(self, place);
    }
    char *to = place->samples + place->filled * frame_bytes(self, place);
    if (self->is_s16)
        kt_samples_to_s16(samples, n, (int16_t *)(void *)to);
    else
        memcpy(to, samples, n * sizeof *samples);
    place->filled += frames;
}

kt_err_t
kt_pieces_push(kt_pieces_t *self, const float *samples, size_t frames)
{
    for (size_t n; frames > 0; frames -= n, samples += n * self->opts.channels) {
        place_t *place = place_of(self, self->filling);
        kt_err_t err   = place_open(self, place);
        if (err)
            return err;
        const size_t room = (size_t)place->piece.had + KT_SOURCE_FRAMES + self->after - place->filled;
        n                 = frames < room ? frames : room;
        gather(self, place, samples, n);
        if (n == room)
            err = send_piece(self);
        if (err)
            return err;
    }
    return KT_OK;
}

kt_err_t
kt_pieces_close(kt_pieces_t *self)
{
    kt_err_t err = KT_OK;
    // What lies in the margin behind a whole piece is another piece.
    while (!err && !self->ended && place_of(self, self->filling)->filled > place_of(self, self->filling)->piece.had)
        err = send_piece(self);
    return err;
}

kt_err_t
kt_pieces_end(kt_pieces_t *self)
{
    kt_err_t err = kt_pieces_close(self);
    while (!err && self->oldest < self->filling)
        err = end_oldest(self);
    return err;
}
