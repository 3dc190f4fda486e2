#include "node/video/shots/cuts.h"

#include <math.h>

enum { AGAIN_MOST = 10 };

static const double again_s = 0.3;  // flashes are shorter

static float
least(float a, float b)
{
    return a < b ? a : b;
}

// Second largest change of the `n` pictures from `first` on: another cut beside this one is no movement.
static float
second_change(const kt_shot_history_t *history, uint64_t first, uint64_t n)
{
    float largest = 0, second = 0;
    for (uint64_t s = first; s < first + n; s++) {
        const float change = kt_shot_history_change(history, s);
        if (change > largest) {
            second  = largest;
            largest = change;
        } else if (change > second) {
            second = change;
        }
    }
    return second;
}

static float
returns(const kt_shot_history_t *h, uint64_t serial, uint64_t before, uint64_t after)
{
    const kt_shot_picture_t *last = kt_shot_history_at(h, serial - 1), *now = kt_shot_history_at(h, serial);
    float                    result = 1;
    for (uint64_t j = 1; j <= after && j <= AGAIN_MOST; j++) {
        const kt_shot_picture_t *later = kt_shot_history_at(h, serial + j);
        if (later->time_s - now->time_s > again_s)
            break;
        result = least(result, kt_shot_difference(last, later, &h->size));
    }
    for (uint64_t i = 1; i <= before && i <= AGAIN_MOST; i++) {
        const kt_shot_picture_t *earlier = kt_shot_history_at(h, serial - 1 - i);
        if (last->time_s - earlier->time_s > again_s)
            break;
        result = least(result, kt_shot_difference(earlier, now, &h->size));
    }
    return result;
}

void
kt_cut_evidence(const kt_shot_history_t *h, uint64_t serial, kt_cut_evidence_t *out)
{
    const uint64_t behind = serial - 1 - kt_shot_history_oldest(h), ahead = h->count - 1 - serial;
    const uint64_t before = behind < KT_CUT_BEFORE ? behind : KT_CUT_BEFORE,
                   after  = ahead < KT_CUT_AFTER ? ahead : KT_CUT_AFTER;
    const float left = second_change(h, serial - before, before), right = second_change(h, serial + 1, after);
    *out = (kt_cut_evidence_t){.change = kt_shot_history_change(h, serial), .around = left > right ? left : right};
    out->apart = out->colour = 1;
    out->level               = 1e3f;
    for (uint64_t i = 0; i <= 1 && i <= before; i++)
        for (uint64_t j = 0; j <= 1 && j <= after; j++) {
            const kt_shot_picture_t *a = kt_shot_history_at(h, serial - 1 - i), *b = kt_shot_history_at(h, serial + j);
            const float              contrast = a->contrast > b->contrast ? a->contrast : b->contrast;
            out->apart                        = least(out->apart, kt_shot_difference(a, b, &h->size));
            out->colour                       = least(out->colour, kt_shot_colour_difference(a, b));
            out->level = least(out->level, kt_shot_level_difference(a, b, &h->size) / (contrast + 1));
        }
    out->again = 1;
    if (kt_cut_score(out) > 0)  // else nothing that returns could make it less of a cut
        out->again = returns(h, serial, behind, ahead);
}

// Logistic regression; tests/truth/fit/shots_fit.py fits it.
float
kt_cut_score(const kt_cut_evidence_t *e)
{
    const float apart = least(e->change, e->apart), again = least(e->again, apart + 0.05f);
    return -9.35f - 1.94f * e->change + 13.16f * apart + 12.73f * again - 14.62f * e->around +
           0.80f * log1pf(e->level) + 5.72f * sqrtf(e->colour) - 8.37f * apart * e->around;
}
