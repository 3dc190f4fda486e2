#include "node/video/shots/fade.h"

#include "node/video/shots/mixture.h"

#include <math.h>
#include <stdlib.h>

// Least standard deviation of luma of what is seen before or after a fade, 8-bit steps.
static const float seen_least = 8;
// The contrast rises when it is this much larger in one of the next LOOK samples, in parts of itself.
static const float rise_least = 0.03f;
enum { LOOK = 2 };
// Between these parts of the full contrast there are steps of a fade; a cut has none.
static const float step_low = 0.12f, step_high = 0.88f;
enum { STEPS = 2, MANY_STEPS = 6 };
// The picture at half contrast shows what is seen at full contrast, all of it. Where that has moved away meanwhile, a
// fade has many steps, to black or white, and its brightness changes in one direction: of all changes this part.
static const float same_most = 0.5f, spread_most = 0.35f, black = 32, white = 215, straight_least = 0.85f;

// At half contrast the brightest and darkest parts are nearer to the flat picture too; things that enter it are not.
static const float reach_most = 0.85f;

typedef struct walk {
    const kt_shot_samples_t *samples;
    uint64_t                 flat, limit;
    int                      step;  // 1 or -1
} walk_t;

static const kt_shot_picture_t *
walk_at(const walk_t *self, uint64_t distance)
{
    return kt_shot_sample(self->samples, self->step > 0 ? self->flat + distance : self->flat - distance);
}

// Distance from the flat sample to where the contrast stops rising; 0: it has not within KT_FADE_MOST_S.
static uint64_t
walk_end(const walk_t *self)
{
    const uint64_t most = self->step > 0 ? self->limit - self->flat : self->flat - self->limit;
    uint64_t       at   = 0;
    for (;;) {
        const float now  = walk_at(self, at)->deviation;
        uint64_t    next = 0;
        for (uint64_t i = LOOK; i >= 1; i--)
            if (at + i <= most && walk_at(self, at + i)->deviation > now * (1 + rise_least))
                next = at + i;
        if (!next)
            return at;
        if (fabs(walk_at(self, next)->time_s - walk_at(self, 0)->time_s) > KT_FADE_MOST_S)
            return 0;
        at = next;
    }
}

// The level that one in 50 pixels exceeds in the direction away from `flat`, as a distance from it.
static int
reach_of(const kt_shot_samples_t *s, const kt_shot_picture_t *picture, float flat)
{
    const size_t n       = (size_t)s->size.width * s->size.height;
    size_t       of[256] = {0}, seen = 0;
    int          distance = 255;
    for (size_t i = 0; i < n; i++)
        of[abs(picture->luma[i] - (int)flat)]++;
    while (distance > 0 && (seen += of[distance]) <= n / 50)
        distance--;
    return distance;
}

static bool
is_straight(const walk_t *self, uint64_t end)
{
    const float flat = walk_at(self, 0)->mean, range = fabsf(walk_at(self, end)->mean - flat);
    float       sum = 0;
    for (uint64_t i = 1; i <= end; i++)
        sum += fabsf(walk_at(self, i)->mean - walk_at(self, i - 1)->mean);
    return (flat < black || flat > white) && range >= straight_least * sum;
}

static bool
is_fade(const walk_t *self, uint64_t end)
{
    const kt_shot_picture_t *full = walk_at(self, end), *half = full;
    const float              flat = walk_at(self, 0)->mean;
    float                    last = -1, best = 1;
    int                      steps = 0;
    if (full->deviation < seen_least)
        return false;
    for (uint64_t i = 0; i < end; i++) {
        const float part = walk_at(self, i)->deviation / full->deviation, off = fabsf(part - 0.5f);
        if (part > step_low && part < step_high && part != last)
            steps++;
        if (off < best) {
            best = off;
            half = walk_at(self, i);
        }
        last = part;
    }
    kt_shot_mixture_t mixture;
    kt_shot_mixture(walk_at(self, 0), half, full, &self->samples->size, &mixture);
    if ((float)reach_of(self->samples, half, flat) > reach_most * (float)reach_of(self->samples, full, flat))
        return false;
    return (steps >= STEPS && mixture.spread < spread_most &&
            kt_shot_difference(half, full, &self->samples->size) < same_most) ||
           (steps >= MANY_STEPS && is_straight(self, end));
}

bool
kt_fade_down(const kt_shot_samples_t *samples, uint64_t limit, uint64_t flat, uint64_t *begin)
{
    const walk_t   walk = {samples, flat, limit, -1};
    const uint64_t end  = walk_end(&walk);
    *begin              = flat - end;
    return end && is_fade(&walk, end);
}

bool
kt_fade_up(const kt_shot_samples_t *samples, uint64_t flat, uint64_t limit, uint64_t *end_p)
{
    const walk_t   walk = {samples, flat, limit, 1};
    const uint64_t end  = walk_end(&walk);
    *end_p              = flat + end;
    return end && is_fade(&walk, end);
}
