// The evidence that node/video/shots decides by, as text, for shots_fit.py.
//
//     shots_evidence WIDTH HEIGHT <PICTURES
//
// PICTURES: reduced planes, each picture as a double (seconds) and its Y, U, V. Prints, with times in seconds:
//     cut TIME change apart around again colour luma
//     gradual TIME window residual change sides halves colour contrast rise spread steps moved
//     shot TIME FROM KIND                              what is decided with the numbers that are built in
#include "node/video/rgb.h"
#include "node/video/shots.h"
#include "node/video/shots/cuts.h"
#include "node/video/shots/graduals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLLOW = 50 };  // pictures after a candidate that evidence may use

typedef struct input {
    uint32_t width, height;
    size_t   bytes;  // of one picture
    uint8_t *all;    // pictures, each after its time
    size_t   count, room;
    uint8_t *rgb;
    kt_rgb_t matrix;
} input_t;

typedef struct state {
    kt_shots_t       *shots;
    kt_shot_history_t history;
    kt_graduals_t     graduals;
    uint64_t          cuts_done, graduals_done;
} state_t;

static bool
read_all(input_t *in)
{
    const size_t step = sizeof(double) + in->bytes;
    for (;;) {
        if (in->count == in->room) {
            in->room     = in->room ? 2 * in->room : 64;
            uint8_t *all = realloc(in->all, in->room * step);
            if (!all)
                return false;
            in->all = all;
        }
        if (fread(in->all + in->count * step, step, 1, stdin) != 1)
            return true;
        in->count++;
    }
}

static void
print_cuts(state_t *self, bool last)
{
    for (; self->cuts_done + (last ? 0 : FOLLOW) < self->history.count; self->cuts_done++) {
        kt_cut_evidence_t e;
        if (self->cuts_done == 0 || kt_shot_history_change(&self->history, self->cuts_done) < KT_CUT_CANDIDATE)
            continue;
        (void)!kt_cut_evidence(&self->history, self->cuts_done, -INFINITY, &e);
        printf("cut %.6f %g %g %g %g %g %g\n", kt_shot_history_at(&self->history, self->cuts_done)->time_s,
               (double)e.change, (double)e.apart, (double)e.around, (double)e.again, (double)e.colour, (double)e.luma);
    }
}

// Samples without a cut between them and the one at `time_s`.
static kt_gradual_span_t
span_of(const state_t *self, double time_s)
{
    const kt_shot_samples_t *s    = &self->graduals.samples;
    kt_gradual_span_t        span = {kt_shot_samples_oldest(s), s->count - 1};
    for (size_t i = 1; i < kt_shots_count(self->shots); i++) {
        const kt_shot_t *cut = kt_shots_at(self->shots, i);
        if (cut->transition != KT_CUT)
            continue;
        while (cut->begin_s <= time_s && kt_shot_sample(s, span.first)->time_s < cut->begin_s)
            span.first++;
        while (cut->begin_s > time_s && kt_shot_sample(s, span.last)->time_s >= cut->begin_s)
            span.last--;
    }
    return span;
}

static void
print_graduals(state_t *self, bool last)
{
    const kt_shot_samples_t *s = &self->graduals.samples;
    for (; self->graduals_done < s->count; self->graduals_done++) {
        const uint64_t at     = self->graduals_done;
        const double   time_s = kt_shot_sample(s, at)->time_s;
        if (!last && kt_shot_sample(s, s->count - 1)->time_s - time_s < KT_GRADUAL_REACH_S)
            break;
        const kt_gradual_span_t span = span_of(self, time_s);
        kt_gradual_evidence_t   e;
        for (int window = 0; window < KT_GRADUAL_WINDOWS; window++)
            if (kt_gradual_evidence(s, &span, at, window, -INFINITY, &e))
                printf("gradual %.6f %g %g %g %g %g %g %g %g %g %g %g\n", time_s, e.window_s, (double)e.residual,
                       (double)e.change, (double)e.sides, (double)e.halves, (double)e.colour, (double)e.contrast,
                       (double)e.rise, (double)e.spread, (double)e.steps, (double)e.moved);
    }
}

// The first pass decides the shots, the second prints the evidence between their cuts.
static kt_err_t
push(state_t *self, input_t *in, size_t index, bool second)
{
    const size_t     luma = (size_t)in->width * in->height, chroma = (in->bytes - luma) / 2;
    const uint8_t   *y     = in->all + index * (sizeof(double) + in->bytes) + sizeof(double);
    const kt_yuv_t   yuv   = {in->width, in->height, y, y + luma, y + luma + chroma, in->width, (in->width + 1) / 2};
    kt_video_frame_t frame = {.index = index, .small = yuv};
    kt_image_stats_t stats;
    memcpy(&frame.time_s, y - sizeof(double), sizeof(double));
    kt_rgb_half(&in->matrix, &kt_rgb_ops_ref, &yuv, in->rgb);
    kt_image_ops_ref.stats(in->rgb, NULL, (in->width + 1) / 2, (in->height + 1) / 2, &stats);
    if (!second)
        return kt_shots_push(self->shots, &(kt_video_picture_t){.frame = &frame, .rgb = in->rgb, .stats = &stats});
    kt_shot_history_push(&self->history, &frame, in->rgb, &stats);
    kt_shot_samples_push(&self->graduals.samples, kt_shot_history_at(&self->history, self->history.count - 1),
                         &self->history.size, &self->history.bars.border, index, frame.time_s);
    print_cuts(self, false);
    print_graduals(self, false);
    return KT_OK;
}

static kt_err_t
run(state_t *self, input_t *in)
{
    kt_err_t err = KT_OK;
    if ((err = kt_shots_new(&self->shots, &(kt_video_stream_t){.duration_s = 0})) ||
        (err = kt_shot_history_init(&self->history, &kt_block_ops_ref, in->width, in->height, false)) ||
        (err = kt_graduals_init(&self->graduals, &self->history.size)))
        return err;
    for (size_t i = 0; i < in->count && !err; i++)
        err = push(self, in, i, false);
    kt_shots_close(self->shots);
    for (size_t i = 0; i < in->count && !err; i++)
        err = push(self, in, i, true);
    if (err || in->count == 0)
        return err;
    print_cuts(self, true);
    print_graduals(self, true);
    for (size_t s = 1; s < kt_shots_count(self->shots); s++) {
        const kt_shot_t *shot = kt_shots_at(self->shots, s);
        printf("shot %.6f %.6f %d\n", shot->begin_s, shot->from_s, (int)shot->transition);
    }
    return KT_OK;
}

int
main(int argc, char **argv)
{
    static state_t state;
    input_t        in = {0};
    if (argc != 3 || (in.width = (uint32_t)atoi(argv[1])) == 0 || (in.height = (uint32_t)atoi(argv[2])) == 0 ||
        in.width > KT_SMALL_MOST || in.height > KT_SMALL_MOST)
        return 2;
    in.bytes = kt_yuv_bytes(in.width, in.height);
    in.rgb   = malloc(3 * in.bytes);
    kt_rgb_init(&in.matrix, "", in.height, false);
    const bool good = in.rgb && read_all(&in) && run(&state, &in) == KT_OK;
    kt_shots_destroy(&state.shots);
    kt_shot_history_fini(&state.history);
    kt_graduals_fini(&state.graduals);
    free(in.all);
    free(in.rgb);
    return good ? 0 : 1;
}
