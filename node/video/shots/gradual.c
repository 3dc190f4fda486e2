#include "node/video/shots/gradual.h"

#include <math.h>

static const double windows_s[KT_GRADUAL_WINDOWS] = {0.3, 0.5, 0.8, 1.3, 2.1};
static const double side_most_s                   = 0.7;

// What returns within this time has changed by less than this part of what lies between. Or its colours have, and pixel
// by pixel it has much in common with what was there (1.1: nothing): a lamp blinked on things that move. Such light in
// a labelled clip, cropped to 2.39:1, has .06 to .25 of the colours and .45 to .52; the other accepted changes have .64
// of the colours at least, and two made shots that are grey 1.07.
static const double passing_s    = 1.2;
static const float  same         = 0.6f;
static const float  same_colours = 0.45f, common = 0.7f;

// Mixtures outside these limits are none: ends that differ too little, or in a part of the picture only (a graphic that
// appears; black bars are a quarter), a middle that is not in between.
static const float energy_least = 5, area_least = 0.65f, residual_most = 0.5f, share_least = 0.2f, change_least = 0.4f;

static float
greater(float a, float b)
{
    return a > b ? a : b;
}

static float
smaller(float a, float b)
{
    return a < b ? a : b;
}

// Whether one end of a change is nearly what is seen on the other side of it.
static bool
is_same(const kt_shot_samples_t *s, uint64_t end, uint64_t other, const kt_gradual_evidence_t *e)
{
    const kt_shot_picture_t *a = kt_shot_sample(s, end), *b = kt_shot_sample(s, other);
    return (kt_shot_colour_difference(a, b) < same_colours * e->colour &&
            kt_shot_luma_difference(a, b, &s->size) < common) ||
           kt_shot_difference(a, b, &s->size) < same * e->change;
}

// Something passes, explodes or is covered for a while: what is seen after it was seen shortly before, cuts or not.
static bool
returns(const kt_shot_samples_t *s, const kt_gradual_evidence_t *e)
{
    const double from_s = kt_shot_sample(s, e->from)->time_s, to_s = kt_shot_sample(s, e->to)->time_s;
    for (uint64_t i = e->from; i-- > kt_shot_samples_oldest(s) && from_s - kt_shot_sample(s, i)->time_s < passing_s;)
        if (is_same(s, i, e->to, e))
            return true;
    for (uint64_t i = e->to + 1; i < s->count && kt_shot_sample(s, i)->time_s - to_s < side_most_s; i++)
        if (is_same(s, e->from, i, e))
            return true;
    return false;
}

// Of a mixture each picture differs little from the one before, and movement explains little of that.
static void
add_steps(const kt_shot_samples_t *s, kt_gradual_evidence_t *e)
{
    const float n = (float)(e->to - e->from);
    for (uint64_t i = e->from + 1; i <= e->to; i++) {
        e->steps += kt_shot_sample(s, i)->change / n;
        e->moved += kt_shot_sample(s, i)->moved / n;
    }
}

// Fills in the differences of pictures, the costly part, as long as the score can still exceed `least`.
static bool
compare(const kt_shot_samples_t *s, const kt_gradual_span_t *span, float least, kt_gradual_evidence_t *e)
{
    const kt_shot_picture_t *a = kt_shot_sample(s, e->from), *b = kt_shot_sample(s, e->to),
                            *m = kt_shot_sample(s, e->middle);
    const double side_s        = e->window_s / 2 < side_most_s ? e->window_s / 2 : side_most_s;
    uint64_t before = kt_shot_samples_near(s, a->time_s - side_s), after = kt_shot_samples_near(s, b->time_s + side_s);
    before    = before > span->first ? before : span->first;
    after     = after < span->last ? after : span->last;
    e->change = 1;  // what raises the score is assumed most, what lowers it least
    if (kt_gradual_score(e) <= least)
        return false;
    e->change = kt_shot_difference(a, b, &s->size);
    if (e->change < change_least || kt_gradual_score(e) <= least)
        return false;
    e->sides = greater(before < e->from ? kt_shot_difference(kt_shot_sample(s, before), a, &s->size) : 0,
                       after > e->to ? kt_shot_difference(b, kt_shot_sample(s, after), &s->size) : 0);
    if (kt_gradual_score(e) <= least)
        return false;
    e->halves = smaller(kt_shot_difference(a, m, &s->size), kt_shot_difference(m, b, &s->size));
    return kt_gradual_score(e) > least && !returns(s, e);
}

bool
kt_gradual_evidence(const kt_shot_samples_t *s, const kt_gradual_span_t *span, uint64_t middle, int window, float least,
                    kt_gradual_evidence_t *out)
{
    const kt_shot_picture_t *m      = kt_shot_sample(s, middle);
    const double             half_s = windows_s[window] / 2, begin_s = m->time_s - half_s, end_s = m->time_s + half_s;
    const uint64_t           from = kt_shot_samples_near(s, begin_s), to = kt_shot_samples_near(s, end_s);
    kt_shot_mixture_t        mixture, first, third;
    if (from >= middle || to <= middle || from < span->first || to > span->last ||
        kt_shot_sample(s, span->first)->time_s > begin_s || kt_shot_sample(s, span->last)->time_s < end_s)
        return false;
    const kt_shot_picture_t *a = kt_shot_sample(s, from), *b = kt_shot_sample(s, to);
    kt_shot_mixture(a, m, b, &s->size, &mixture);
    if (mixture.energy < energy_least || mixture.area < area_least || mixture.residual > residual_most ||
        mixture.share < share_least || mixture.share > 1 - share_least)
        return false;
    kt_shot_mixture(a, kt_shot_sample(s, kt_shot_samples_near(s, m->time_s - half_s / 2)), b, &s->size, &first);
    kt_shot_mixture(a, kt_shot_sample(s, kt_shot_samples_near(s, m->time_s + half_s / 2)), b, &s->size, &third);
    *out = (kt_gradual_evidence_t){.window_s = windows_s[window],
                                   .from     = from,
                                   .middle   = middle,
                                   .to       = to,
                                   .share    = mixture.share,
                                   .spread   = mixture.spread,
                                   .residual = mixture.residual,
                                   .rise     = third.share - first.share,
                                   .colour   = kt_shot_colour_difference(a, b),
                                   .contrast = logf((m->contrast + 0.1f) / (smaller(a->contrast, b->contrast) + 1))};
    add_steps(s, out);
    return compare(s, span, least, out);
}

// Logistic regression; tests/truth/fit/shots_fit.py fits it. The doubt is added: false changes cost more than missed
// ones, and many windows are asked about each moment.
static const float doubt = 0.5f;

float
kt_gradual_score(const kt_gradual_evidence_t *e)
{
    return -10.15f - doubt - 2.73f * e->residual + 6.37f * e->change - 0.84f * e->sides - 0.73f * e->halves +
           9.40f * sqrtf(e->colour) - 0.28f * e->contrast + 1.87f * e->rise - 0.79f * e->spread - 2.66f * e->steps -
           7.07f * e->moved;
}

// Time at which the share of b first passes `part`, between samples; samples before `middle` are below it for good.
static double
time_of_part(const kt_shot_samples_t *s, const kt_gradual_evidence_t *e, const float share[], float part)
{
    const uint64_t n  = e->to - e->from;
    uint64_t       at = 1;
    while (at < n && share[at] < part)
        at++;
    const float  low = share[at - 1], high = share[at], where = high > low ? (part - low) / (high - low) : 1;
    const double begin_s = kt_shot_sample(s, e->from + at - 1)->time_s, end_s = kt_shot_sample(s, e->from + at)->time_s;
    return begin_s + (end_s - begin_s) * (double)(where < 0 ? 0 : where);
}

// From a quarter to nothing visible, in times of from a quarter to three quarters: shares of 0.05 and 0.95.
static const double beyond  = 0.4;
static const float  nothing = 0.07f;

void
kt_gradual_narrow(const kt_shot_samples_t *s, kt_gradual_evidence_t *e)
{
    const kt_shot_picture_t *a = kt_shot_sample(s, e->from), *b = kt_shot_sample(s, e->to);
    const uint64_t           n = e->to - e->from;
    float                    share[KT_SHOT_SAMPLES];
    for (uint64_t i = 0; i <= n; i++) {
        kt_shot_mixture_t mixture;
        kt_shot_mixture(a, kt_shot_sample(s, e->from + i), b, &s->size, &mixture);
        share[i] = i == 0 ? 0 : i == n ? 1 : mixture.share;
    }
    const double   first_s = time_of_part(s, e, share, 0.25f), third_s = time_of_part(s, e, share, 0.75f);
    const uint64_t from   = kt_shot_samples_near(s, first_s - beyond * (third_s - first_s)),
                   to     = kt_shot_samples_near(s, third_s + beyond * (third_s - first_s));
    const uint64_t middle = e->middle, begin = e->from;
    e->from = from > begin && from < middle ? from : begin;
    e->to   = to < e->to && to > middle ? to : e->to;
    for (uint64_t i = middle - 1; i > e->from; i--)
        if (share[i - begin] <= nothing)
            e->from = i;
    for (uint64_t i = middle + 1; i < e->to; i++)
        if (share[i - begin] >= 1 - nothing)
            e->to = i;
}
