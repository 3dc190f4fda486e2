#include "node/audio/rhythm/accents.h"

#include <math.h>

enum { BEATS = 4, PLACES = 12, FOLD = BEATS * PLACES };  // PLACES: per beat
enum { ALL, LOW, MIDDLE, KICK, SNARE, ROWS };            // KICK, SNARE: ranges of the amplitude
enum { SOURCES = ROWS + 1, MIDDLE_GROUP = 3 };           // two groups, from 780 to 3,700 Hz, are one row

static const double FOLD_S = 8, SAME_SUM = 1e-4, LEAST_SUM = 1e-3;

typedef struct source {
    int          row;
    const float *rises;  // [n]
} source_t;

// Mean rises of one window, each place the largest of three, over the mean of the segment.
typedef struct fold {
    double row[ROWS][FOLD];
} fold_t;

// four: frames of four beats.
static void
fold_window(const source_t source[SOURCES], const double mean[ROWS], double four, size_t begin, size_t end, fold_t *out)
{
    double       count[FOLD] = {0}, sum[ROWS][FOLD] = {0};
    const double step = FOLD / four;
    for (size_t i = begin; i < end; i++) {
        const size_t at = (size_t)((double)(i - begin) * step) % FOLD;
        count[at] += 1;
        for (int s = 0; s < SOURCES; s++)
            sum[source[s].row][at] += source[s].rises[i];
    }
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < FOLD; i++)
            sum[r][i] /= fmax(1, count[i]) * (mean[r] + 1e-9);
        for (int i = 0; i < FOLD; i++)
            out->row[r][i] = fmax(sum[r][i], fmax(sum[r][(i + 1) % FOLD], sum[r][(i + FOLD - 1) % FOLD]));
    }
}

// The place of the first beat: where the four beats have the most of the weighted rows. Of sums that are the same but
// for rounding it is the first.
static int
first_beat(const fold_t *fold, const double weight[ROWS])
{
    int    best = 0;
    double most = 0;
    for (int first = 0; first < PLACES; first++) {
        double sum = 0;
        for (int r = 0; r < ROWS; r++)
            for (int at = first; at < FOLD; at += PLACES)
                sum += weight[r] * fold->row[r][at];
        if (sum > most * (1 + SAME_SUM)) {
            most = sum;
            best = first;
        }
    }
    return best;
}

// First and third beat less second and fourth, over all four.
static double
alternation(const double place[FOLD], int first)
{
    double sum = 1e-9, difference = 0;
    for (int b = 0; b < BEATS; b++) {
        const double value = place[first + b * PLACES];
        sum += value;
        difference += b % 2 ? -value : value;
    }
    return difference / sum;
}

static double
mean_at(const double place[FOLD], int first)
{
    double sum = 0;
    for (int at = first; at < first + FOLD; at += PLACES)
        sum += place[at % FOLD] / BEATS;
    return sum;
}

// Of the two pairs of beats that are two apart, the larger one: twice its smaller beat over its sum.
static double
evenness(const double place[FOLD], int first)
{
    const double a = place[first], b = place[first + PLACES];
    const double c = place[first + 2 * PLACES], d = place[first + 3 * PLACES];
    return a + c > b + d ? 2 * fmin(a, c) / (a + c + LEAST_SUM) : 2 * fmin(b, d) / (b + d + LEAST_SUM);
}

static double
least_beat(const double place[FOLD], int first)
{
    double least = place[first];
    for (int b = 1; b < BEATS; b++)
        least = fmin(least, place[first + b * PLACES]);
    return least / (mean_at(place, first) + LEAST_SUM);
}

static void
add_window(kt_accents_t *sum, const fold_t *fold)
{
    static const double loudest[ROWS] = {[ALL] = 1, [LOW] = 0.5, [MIDDLE] = 0.3},
                        lowest[ROWS]  = {[LOW] = 1, [KICK] = 1};

    const int     first = first_beat(fold, loudest), bass = first_beat(fold, lowest);
    const double *all = fold->row[ALL], *kick = fold->row[KICK];
    const double  beat = mean_at(all, first), half = mean_at(all, first + PLACES / 2);
    const double  third = mean_at(all, first + PLACES / 3), last = mean_at(all, first + 2 * PLACES / 3);
    double        total = 1e-9;
    for (int i = 0; i < FOLD; i++)
        total += all[i] / FOLD;
    sum->opposite -= alternation(fold->row[LOW], first) * alternation(fold->row[MIDDLE], first);
    sum->loud_opposite -= alternation(kick, first) * alternation(fold->row[SNARE], first);
    sum->thirds += (fmin(third, last) - half) / total;
    sum->last_third += (last - third) / total;
    sum->half += half / (beat + half + LEAST_SUM);
    sum->even += evenness(all, bass);
    sum->kick_even += evenness(kick, bass);
    sum->kick_least += least_beat(kick, bass);
}

kt_accents_t
kt_accents_of(const kt_evidence_t *e, double period)
{
    const source_t source[SOURCES] = {{ALL, e->above_full},
                                      {LOW, e->above[0]},
                                      {MIDDLE, e->above[MIDDLE_GROUP]},
                                      {MIDDLE, e->above[MIDDLE_GROUP + 1]},
                                      {KICK, e->above_loud[0]},
                                      {SNARE, e->above_loud[1]}};
    const double   four            = 4 * period * e->envelope.rate_hz;
    const size_t   n = e->envelope.frames, window = (size_t)fmax(FOLD_S * e->envelope.rate_hz, 2 * four);
    double         mean[ROWS] = {0}, windows = 0;
    kt_accents_t   sum = {0};
    for (int s = 0; s < SOURCES; s++)
        for (size_t i = 0; i < n; i++)
            mean[source[s].row] += source[s].rises[i] / (double)n;
    for (size_t begin = 0; begin == 0 || begin + window / 2 < n; begin += window) {
        fold_t fold;
        fold_window(source, mean, four, begin, begin + window < n ? begin + window : n, &fold);
        add_window(&sum, &fold);
        windows += 1;
    }
    return (kt_accents_t){sum.opposite / windows,   sum.loud_opposite / windows, sum.thirds / windows,
                          sum.last_third / windows, sum.half / windows,          sum.even / windows,
                          sum.kick_even / windows,  sum.kick_least / windows};
}
