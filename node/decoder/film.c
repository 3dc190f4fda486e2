#include "node/decoder/film.h"

#include "node/decoder/vectors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Stamps beyond this are errors, and their differences would lose milliseconds.
#define TIME_MAX_S 1e9
// A last picture that is shown for longer is doubted.
#define STILL_MOST_S 60.0

static double
frame_rate_hz(const AVStream *stream)
{
    const AVRational q = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
    return q.num > 0 && q.den > 0 ? av_q2d(q) : 0;
}

kt_err_t
kt_film_init(kt_film_t *self, const AVFrame *first)
{
    const uint32_t width = (uint32_t)first->width, height = (uint32_t)first->height;
    const uint32_t longer = width > height ? width : height, shorter = width > height ? height : width;
    char          *why = self->coder->why;
    if (!kt_picture_format(first->format)) {
        const char *name = av_get_pix_fmt_name(first->format);
        (void)snprintf(why, KT_MEDIA_WHY, "pictures of the format %s are not read", name ? name : "?");
        return KT_ECODEC;
    }
    if (shorter < kt_small_factor(width, height) || longer > KT_VIDEO_SIDE_MAX) {
        (void)snprintf(why, KT_MEDIA_WHY, "pictures of %u x %u pixels are not read", width, height);
        return KT_ECODEC;
    }
    self->small_factor = kt_small_factor(width, height);
    self->whole_factor = (longer + KT_WHOLE_MOST - 1) / KT_WHOLE_MOST;
    self->vectors      = kt_vectors_asked(self->coder->codec);
    kt_picture_init(&self->picture, width, height);
    kt_times_init(&self->times, frame_rate_hz(self->coder->stream), self->joined);
    self->pixel_aspect = first->sample_aspect_ratio;
    kt_sampler_init(&self->sampler, 0, self->duration_s, self->want.sample_hz, self->want.sample_max);
    self->held = av_frame_alloc();
    return self->held ? KT_OK : KT_EDECMEM;
}

static uint32_t
frame_flags(const kt_film_t *self, const AVFrame *frame)
{
    const bool damaged =
        frame->decode_error_flags != 0 || frame->flags & AV_FRAME_FLAG_CORRUPT || self->coder->damaged > self->damaged;
    return (frame->key_frame ? KT_FRAME_KEY : 0u) | (frame->pict_type == AV_PICTURE_TYPE_I ? KT_FRAME_INTRA : 0u) |
           (frame->interlaced_frame ? KT_FRAME_INTERLACED : 0u) |
           (frame->interlaced_frame && frame->top_field_first ? KT_FRAME_TOP_FIRST : 0u) |
           (damaged ? KT_FRAME_DAMAGED : 0u);
}

// A whole picture in a large slot, if this one is sampled. KT_EDECMEM.
static kt_err_t
send_whole(kt_film_t *self, bool sampled, kt_decode_picture_t *out)
{
    if (!sampled)
        return KT_OK;
    uint8_t *planes = kt_channel_large(self->channel, &out->large_slot);
    kt_err_t err    = kt_picture_planes(&self->picture, self->held, self->whole_factor, planes);
    if (err) {
        kt_channel_release(self->channel, out->large_slot);
        return err;
    }
    out->flags |= KT_FRAME_SAMPLED;
    out->whole_width  = self->picture.width / self->whole_factor;
    out->whole_height = self->picture.height / self->whole_factor;
    return KT_OK;
}

// Reduced planes and vectors into a slot, while the picture is still in the processor's caches. KT_ECODEC: its format
// changed to one that is not read.
static kt_err_t
reduce(kt_film_t *self, const AVFrame *frame, kt_decode_picture_t *out, uint8_t **planes_p)
{
    *out                = (kt_decode_picture_t){.whole_factor = self->whole_factor,
                                                .width        = self->picture.width / self->small_factor,
                                                .height       = self->picture.height / self->small_factor};
    const size_t bytes  = kt_yuv_bytes(out->width, out->height);
    uint8_t     *planes = *planes_p = kt_channel_slot(self->channel, &out->slot);
    kt_err_t     err                = kt_picture_planes(&self->picture, frame, self->small_factor, planes);
    if (err) {
        kt_channel_release(self->channel, out->slot);
        return err;
    }
    if (self->is_held && memcmp(planes, self->held_planes, bytes) == 0)
        out->flags |= KT_FRAME_REPEATED;
    if (self->vectors) {
        void *at         = planes + kt_vectors_offset(out->width, out->height);
        out->has_vectors = 1;
        out->vectors     = kt_vectors_copy(frame, at);
        out->flags |= kt_vectors_left_out(self->coder->codec, frame) ? KT_FRAME_BETWEEN : 0u;
    }
    return KT_OK;
}

// Recordings of television change their size or shape from one programme to the next.
static void
note_shape(kt_film_t *self)
{
    const AVFrame   *held = self->held;
    const AVRational a = self->pixel_aspect, b = held->sample_aspect_ratio;
    const bool       stated = a.num > 0 && a.den > 0 && b.num > 0 && b.den > 0;
    kt_counts_other(self->counts,
                    (uint32_t)held->width != self->picture.width || (uint32_t)held->height != self->picture.height,
                    stated && av_cmp_q(a, b) != 0);
}

static kt_err_t
send_held(kt_film_t *self, bool sampled)
{
    kt_decode_picture_t *out = &self->waiting;
    kt_err_t             err = send_whole(self, sampled, out);
    if (err)
        return err;
    out->index  = self->sent++;
    out->time_s = self->held_s - self->start_s;
    kt_channel_picture(self->channel, out);
    kt_counts_picture(self->counts, self->held_s, self->held_duration_s, out->flags,
                      (uint32_t)(self->held->repeat_pict > 0 ? self->held->repeat_pict : 0));
    note_shape(self);
    return KT_OK;
}

kt_err_t
kt_film_send(kt_film_t *self)
{
    AVFrame            *frame  = self->coder->frame;
    const AVRational    tick   = self->coder->stream->time_base;
    const int64_t       pts    = self->by_order                 ? kt_coder_slot(self->coder)
                                 : frame->pts != AV_NOPTS_VALUE ? frame->pts
                                                                : frame->best_effort_timestamp;
    double              time_s = pts != AV_NOPTS_VALUE ? (double)pts * av_q2d(tick) : NAN;
    kt_decode_picture_t next;
    uint8_t            *planes;
    bool                guessed;
    if (!(fabs(time_s) < TIME_MAX_S))
        time_s = NAN;
    kt_err_t err = reduce(self, frame, &next, &planes);
    if (err == KT_ECODEC) {
        kt_counts_damaged(self->counts, KT_COUNTS_PICTURE);
        return KT_OK;
    }
    if (err)
        return err;
    if (self->is_held && kt_times_correct(&self->times, time_s, &self->held_s))
        self->waiting.flags |= KT_FRAME_NO_TIME;
    time_s = kt_times_next(&self->times, time_s, self->held_duration_s, &guessed);
    if (self->is_held && self->held_s - self->first_s > self->max_duration_s)
        return KT_ETOOLONG;
    if (self->is_held)
        err = send_held(self, kt_sampler_take(&self->sampler, time_s));
    else
        self->sampler.begin_s = self->first_s = time_s;
    self->held_s          = time_s;
    self->held_duration_s = frame->pkt_duration > 0 ? (double)frame->pkt_duration * av_q2d(tick) : 0;
    self->waiting         = next;
    self->waiting.flags |= frame_flags(self, frame) | (guessed ? KT_FRAME_NO_TIME : 0u);
    self->held_planes = planes;
    self->is_held     = true;
    self->damaged     = self->coder->damaged;
    av_frame_unref(self->held);
    av_frame_move_ref(self->held, frame);
    return err;
}

kt_err_t
kt_film_end(kt_film_t *self)
{
    if (!self->is_held)
        return KT_OK;
    const double still_s = self->end_s - self->held_s;
    if (still_s > self->held_duration_s && still_s < STILL_MOST_S)
        self->held_duration_s = still_s;
    const double shown_s = self->held_duration_s > 0 ? self->held_duration_s : self->times.step_s;
    // A film that is shorter than half an interval has no middle: it gives its last picture.
    const bool none    = self->sampler.taken == 0 && isfinite(self->sampler.interval_s);
    const bool sampled = kt_sampler_take(&self->sampler, self->held_s + shown_s) || none;
    self->is_held      = false;
    return send_held(self, sampled);
}
