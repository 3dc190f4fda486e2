#include "node/decoder/counts/counts.h"

#include "node/decode/video_frame.h"
#include "node/decoder/counts/times.h"

#include <math.h>
#include <string.h>

#define EPSILON 1e-9    // of sums in double precision, relative
#define JOINED_S 1.0    // back in the order of decoding: beyond any reordering
#define CODED_NEAR .1   // packets whose durations differ by this share and CODED_PAD_S from the decoded sound
#define CODED_PAD_S .1  // are not believed; encoders pad by up to this

void
kt_counts_init(kt_counts_t *self, double sound_tick_s, double picture_tick_s, double declared_hz, bool joined)
{
    memset(self, 0, sizeof *self);
    self->tick_s[KT_COUNTS_SOUND]   = sound_tick_s;
    self->tick_s[KT_COUNTS_PICTURE] = picture_tick_s;
    self->declared_hz               = declared_hz;
    self->joined                    = joined;
    self->first_sound_pts           = KT_COUNTS_NO_TIME;
}

static kt_stream_counts_t *
stream_counts(kt_counts_t *self, kt_counts_stream_t stream)
{
    return stream == KT_COUNTS_SOUND ? &self->counts.audio : &self->counts.video;
}

static void
series_add(kt_counts_series_t *s, double time_s, double duration_s, bool key, double tick_s)
{
    if (s->n > 0) {
        time_s          = fmax(time_s, s->last_s);
        double distance = time_s - s->last_s;
        s->min_s        = s->n == 1 ? distance : fmin(s->min_s, distance);
        s->max_s        = fmax(s->max_s, distance);
        kt_grid_add(&s->but_first, (double)(s->n - 1), time_s, tick_s);
    } else {
        s->first_s = time_s;
    }
    kt_grid_add(&s->all, (double)s->n, time_s, tick_s);
    if (key) {
        if (s->keys++ > 0)
            s->key_max_s = fmax(s->key_max_s, time_s - s->last_key_s);
        else
            s->first_key_s = time_s;
        s->last_key_s = time_s;
    }
    s->last_s          = time_s;
    s->last_duration_s = duration_s;
    s->n++;
}

static void
give_first_waiting(kt_counts_t *self)
{
    const kt_counts_waiting_t *w = &self->waiting[0];
    series_add(&self->by_pts, w->time_s, w->duration_s, w->key, self->tick_s[KT_COUNTS_PICTURE]);
    self->n_waiting--;
    memmove(self->waiting, self->waiting + 1, self->n_waiting * sizeof *self->waiting);
}

// From one packet to the next: where nothing was lost, by the header before the second one; 0: unknown.
static double
usual_step(const kt_counts_t *self)
{
    const kt_counts_series_t *s = &self->by_dts;
    if (s->n > 1)
        return (s->last_s - s->first_s - self->counts.video.lost_s) / (double)(s->n - 1);
    return self->declared_hz > 0 ? 1 / self->declared_hz : 0;
}

// Behind damage that the demuxer reports, time is lost where a packet is further away than they usually are: some
// packets before that may have been read ahead.
static void
lose_pictures(kt_counts_t *self, double time_s)
{
    const double step_s = usual_step(self), lost_s = time_s - self->last_decode_s - step_s;
    if (!self->trouble || self->shown_packets == 0 || !(step_s > 0) || !(lost_s > step_s))
        return;
    self->trouble = false;
    kt_counts_lost(self, KT_COUNTS_PICTURE, lost_s);
}

// Where files were joined, times begin again, or leap ahead; the second file's continue the first one's.
static void
shift_times(kt_counts_t *self, int64_t stamp, double tick_s)
{
    double       time_s  = (double)stamp * tick_s + self->shift_s;
    const bool   first   = self->shown_packets == 0;
    const double most_s  = fmax(KT_TIMES_LEAP_S, self->last_decode_s - self->first_decode_s);
    self->first_decode_s = first ? time_s : self->first_decode_s;
    if (!first &&
        (time_s < self->last_decode_s - JOINED_S || (self->joined && time_s - self->last_decode_s > most_s))) {
        while (self->n_waiting > 0)
            give_first_waiting(self);
        const double step_s = usual_step(self);
        self->counts.time_breaks++;
        self->shift_s += self->last_decode_s + step_s - time_s;
        time_s = self->last_decode_s + step_s;
    }
    lose_pictures(self, time_s);
    self->last_decode_s = time_s;
}

static void
picture_packet(kt_counts_t *self, const kt_counts_packet_t *p)
{
    double tick_s = self->tick_s[KT_COUNTS_PICTURE], duration_s = (double)p->duration * tick_s;
    bool   has_pts = p->pts != KT_COUNTS_NO_TIME, has_dts = p->dts != KT_COUNTS_NO_TIME;
    if (p->hidden)
        return;
    if (has_dts || has_pts)
        shift_times(self, has_dts ? p->dts : p->pts, tick_s);
    self->shown_packets++;
    self->no_pts |= !has_pts;
    self->no_dts |= !has_dts;
    if (has_dts)
        series_add(&self->by_dts, (double)p->dts * tick_s + self->shift_s, duration_s, p->key, tick_s);
    if (!has_pts)
        return;
    if (self->n_waiting == KT_COUNTS_REORDER)
        give_first_waiting(self);
    double   time_s = (double)p->pts * tick_s + self->shift_s;
    uint32_t at     = self->n_waiting++;
    for (; at > 0 && self->waiting[at - 1].time_s > time_s; at--)
        self->waiting[at] = self->waiting[at - 1];
    self->waiting[at] = (kt_counts_waiting_t){time_s, duration_s, p->key};
}

static void
sound_packet(kt_counts_t *self, const kt_counts_packet_t *p)
{
    int64_t end;
    if (p->pts == KT_COUNTS_NO_TIME || __builtin_add_overflow(p->pts, p->duration > 0 ? p->duration : 0, &end))
        return;
    if (self->first_sound_pts == KT_COUNTS_NO_TIME)
        self->first_sound_pts = self->last_sound_end = p->pts;
    self->last_sound_end = end > self->last_sound_end ? end : self->last_sound_end;
}

void
kt_counts_packet(kt_counts_t *self, kt_counts_stream_t stream, const kt_counts_packet_t *packet)
{
    kt_stream_counts_t *counts = stream_counts(self, stream);
    counts->packets++;
    counts->bytes += packet->bytes;
    if (packet->duration > 0)
        counts->coded_s += (double)packet->duration * self->tick_s[stream];
    if (stream == KT_COUNTS_PICTURE)
        picture_packet(self, packet);
    else
        sound_packet(self, packet);
}

void
kt_counts_damaged(kt_counts_t *self, kt_counts_stream_t stream)
{
    stream_counts(self, stream)->damaged++;
}

void
kt_counts_trouble(kt_counts_t *self)
{
    self->trouble = true;
}

void
kt_counts_lost(kt_counts_t *self, kt_counts_stream_t stream, double lost_s)
{
    kt_stream_counts_t *counts = stream_counts(self, stream);
    counts->lost_s += lost_s;
    counts->lost_parts++;
}

void
kt_counts_cut(kt_counts_t *self, kt_counts_stream_t stream, bool failed)
{
    kt_stream_counts_t *counts = stream_counts(self, stream);
    counts->cut                = true;
    counts->damaged -= failed && counts->damaged > 0;
}

void
kt_counts_gap(kt_counts_t *self, double at_s, double lost_s)
{
    kt_media_counts_t *c = &self->counts;
    kt_counts_lost(self, KT_COUNTS_SOUND, lost_s);
    if (c->gap_count == KT_MEDIA_GAPS)
        c->gap[KT_MEDIA_GAPS - 1].lost_s += lost_s;
    else
        c->gap[c->gap_count++] = (kt_media_gap_t){at_s, lost_s};
}

void
kt_counts_picture(kt_counts_t *self, double time_s, double duration_s, uint32_t flags, uint32_t repeats)
{
    const double tick_s = self->tick_s[KT_COUNTS_PICTURE];
    self->counts.video.decoded++;
    self->counts.interlaced += (flags & KT_FRAME_INTERLACED) != 0;
    self->counts.top_first += (flags & KT_FRAME_INTERLACED) != 0 && (flags & KT_FRAME_TOP_FIRST) != 0;
    self->counts.untimed += (flags & KT_FRAME_NO_TIME) != 0;
    self->counts.damaged_pictures += (flags & KT_FRAME_DAMAGED) != 0;
    series_add(&self->pictures, time_s, duration_s, (flags & KT_FRAME_KEY) != 0, tick_s);
    kt_pulldown_add(&self->pulldown, time_s, repeats, tick_s);
}

void
kt_counts_other(kt_counts_t *self, bool size, bool shape)
{
    self->counts.other_size += size;
    self->counts.other_shape += shape;
}

void
kt_counts_sound(kt_counts_t *self, double time_s, uint64_t frames, uint32_t rate_hz)
{
    kt_stream_counts_t *audio = &self->counts.audio;
    if (!self->sound_begun && isfinite(time_s))
        audio->begin_s = time_s;
    self->sound_begun = true;
    audio->decoded += frames;
    self->given_s = rate_hz > 0 ? (double)audio->decoded / rate_hz : 0;
}

// The usual rate (24000/1001, 25, ...) within [low, high] that is nearest to mean; then declared if within; then mean.
static double
nominal_hz(double low_hz, double high_hz, double mean_hz, double declared_hz)
{
    const double rates[] = {round(mean_hz), 24000. / 1001, 30000. / 1001, 60000. / 1001,
                            120000. / 1001, 15000. / 1001, 12.5,          7.5};
    double       best    = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rates[i] >= low_hz && rates[i] <= high_hz && fabs(rates[i] - mean_hz) < fabs(best - mean_hz))
            best = rates[i];
    if (best > 0)
        return best;
    return declared_hz >= low_hz && declared_hz <= high_hz ? declared_hz : mean_hz;
}

// The packets that are shown; NULL: they have no time stamps.
static const kt_counts_series_t *
packet_series(const kt_counts_t *self)
{
    if (!self->no_pts && self->by_pts.n > 0)
        return &self->by_pts;
    return !self->no_dts && self->by_dts.n > 0 ? &self->by_dts : NULL;
}

static bool
ticks_are_pictures(const kt_counts_t *self)
{
    return fabs(self->tick_s[KT_COUNTS_PICTURE] * self->declared_hz - 1) < EPSILON;
}

static double
regular_rate(const kt_counts_t *self, const kt_counts_series_t *s)
{
    if (kt_grid_holds(&s->all))
        return nominal_hz(1 / s->all.high_s, 1 / s->all.low_s, (double)(s->n - 1) / (s->last_s - s->first_s),
                          self->declared_hz);
    bool dropped = kt_grid_holds(&s->but_first) && ticks_are_pictures(self) &&
                   1 / self->declared_hz >= s->but_first.low_s && 1 / self->declared_hz <= s->but_first.high_s;
    return dropped ? self->declared_hz : 0;
}

static void
finish_pictures(kt_counts_t *self, const kt_counts_series_t *s)
{
    kt_media_counts_t *c = &self->counts;
    if (s->n > 1) {
        c->frame_min_s  = s->min_s;
        c->frame_max_s  = s->max_s;
        c->frame_mean_s = (s->last_s - s->first_s) / (double)(s->n - 1);
    }
    c->regular_hz = regular_rate(self, s);
    // Pictures that are damaged beyond decoding leave gaps that are none of the film.
    const kt_counts_series_t *packets = packet_series(self);
    if (!(c->regular_hz > 0) && packets && s->n < packets->n)
        c->regular_hz = regular_rate(self, packets);
    double low_s, high_s;
    if (!(c->regular_hz > 0) && s == &self->pictures && kt_pulldown_period(&self->pulldown, &low_s, &high_s)) {
        c->regular_hz = nominal_hz(1 / high_s, 1 / low_s, 2 / (low_s + high_s), self->declared_hz);
        c->pulldown   = true;
    }
    double usual_s = c->regular_hz > 0 ? 1 / c->regular_hz : c->frame_mean_s;
    if (s->n == 1 && s->last_duration_s <= 0 && self->declared_hz > 0)
        usual_s = 1 / self->declared_hz;
    c->video.begin_s = s->first_s;
    c->video.end_s   = s->last_s + fmax(usual_s, s->last_duration_s);
    c->key_frames    = s->keys;
    if (s->keys > 1) {
        c->key_interval_max_s  = s->key_max_s;
        c->key_interval_mean_s = (s->last_key_s - s->first_key_s) / (double)(s->keys - 1);
    }
}

// Sound that is not decoded lasts from its first packet to the end of the last one, or as long as its packets.
static void
finish_sound(kt_counts_t *self)
{
    kt_stream_counts_t *audio = &self->counts.audio;
    if (audio->decoded == 0) {
        double tick_s  = self->tick_s[KT_COUNTS_SOUND];
        bool   begins  = self->first_sound_pts != KT_COUNTS_NO_TIME;
        bool   times   = begins && !self->joined && self->last_sound_end > self->first_sound_pts;
        audio->begin_s = begins ? (double)self->first_sound_pts * tick_s : 0;
        audio->end_s   = times ? (double)self->last_sound_end * tick_s : audio->begin_s + audio->coded_s;
        audio->coded_s = times ? audio->end_s - audio->begin_s : audio->coded_s;
        return;
    }
    // What was left out counts: behind it, times are those of the file.
    const double sound_s = self->given_s + audio->lost_s;
    audio->end_s         = audio->begin_s + sound_s;
    if (fabs(audio->coded_s - sound_s) > CODED_NEAR * sound_s + CODED_PAD_S)
        audio->coded_s = sound_s;
}

void
kt_counts_finish(kt_counts_t *self, bool every_picture, kt_media_counts_t *out)
{
    kt_media_counts_t *c = &self->counts;
    while (self->n_waiting > 0)
        give_first_waiting(self);
    every_picture               = every_picture && self->pictures.n > 0;
    const kt_counts_series_t *s = every_picture ? &self->pictures : packet_series(self);
    if (s)
        finish_pictures(self, s);
    else if (self->declared_hz > 0)
        c->video.end_s = (double)c->video.packets / self->declared_hz;
    c->every_picture = every_picture;
    c->frames        = every_picture ? c->video.decoded : self->shown_packets;
    finish_sound(self);
    *out = *c;
}
