#include "node/audio/rhythm/tempi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPAN_BEATS = 16, LEAST_PIECE = 8, MOST_PIECE = 1024 };

static const double NEAR = 0.08, SAME = 0.04, PIECE_COST = 25, LEAST_SPREAD = 0.015, SAME_PIECE = 0.025;

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// --- the tempo -------------------------------------------------------------------------------------------------------

// Logarithms of the mean interval of runs of beats, ascending; without such a run, of all intervals.
static size_t
fill_spans(const kt_beat_t *beats, size_t n, double *spans)
{
    size_t length = n > 2 * SPAN_BEATS ? SPAN_BEATS : n / 2, count = 0;
    for (; count == 0; length = 1) {
        for (size_t i = 1, whole = 0; i < n; i++) {  // whole: intervals in a row
            whole = beats[i].begins && length > 1 ? 0 : whole + 1;
            if (whole >= length)
                spans[count++] = log((beats[i].time - beats[i - length].time) / (double)length);
        }
    }
    qsort(spans, count, sizeof *spans, compare_doubles);
    return count;
}

// How near all spans are to one of them, weighted with time. spans: ascending logarithms.
static double
nearness(const double *spans, size_t count, double centre, double *total)
{
    double sum = 0;
    *total     = 0;
    for (size_t i = 0; i < count; i++) {
        const double seconds = exp(spans[i]);
        *total += seconds;
        sum += seconds * fmax(0, 1 - fabs(spans[i] - centre) / NEAR);
    }
    return sum;
}

// The span that the others are nearest to: the sums of all candidates at once, from sums over the spans below.
static double
nearest_span(const double *spans, size_t count, double *weights, double *moments)
{
    size_t low = 0, middle = 0, high = 0, best = 0;
    double most = -1;
    weights[0] = moments[0] = 0;
    for (size_t i = 0; i < count; i++) {
        weights[i + 1] = weights[i] + exp(spans[i]);
        moments[i + 1] = moments[i] + exp(spans[i]) * spans[i];
    }
    for (size_t i = 0; i < count; i++) {
        while (spans[low] < spans[i] - NEAR)
            low++;
        while (middle < count && spans[middle] <= spans[i])
            middle++;
        while (high < count && spans[high] <= spans[i] + NEAR)
            high++;
        const double below = weights[middle] - weights[low], above = weights[high] - weights[middle];
        const double sum =
            below + above -
            (spans[i] * (below - above) - (moments[middle] - moments[low]) + (moments[high] - moments[middle])) / NEAR;
        if (sum > most * (1 + 1e-9)) {
            most = sum;
            best = i;
        }
    }
    return spans[best];
}

static kt_err_t
find_tempo(kt_tempi_t *self, const kt_beat_t *beats, size_t n)
{
    double *memory = calloc(3 * (n + 1), sizeof *memory);
    if (!memory)
        return KT_ENOMEM;
    double *spans = memory, total;
    size_t  count = fill_spans(beats, n, spans), first = 0, past;
    double  peak = nearest_span(spans, count, memory + n + 1, memory + 2 * (n + 1));
    while (spans[first] < peak - SAME)
        first++;
    for (past = first; past < count && spans[past] <= peak + SAME;)
        past++;
    const size_t middle = first + (past - first) / 2;
    const double median = (past - first) % 2 ? exp(spans[middle]) : (exp(spans[middle - 1]) + exp(spans[middle])) / 2;
    self->bpm           = 60 / median;
    self->stability     = nearness(spans, count, log(median), &total);
    self->stability /= total;
    free(memory);
    return KT_OK;
}

// --- changes ---------------------------------------------------------------------------------------------------------

// The cut of intervals 0 .. n - 1 into pieces. Sums are over the intervals that count: not those that lead to a new
// grid.
typedef struct cut {
    size_t  n;
    double *sum, *square, *weight;  // [n + 1]
    double *cost;                   // [n + 1] of the best cut of the first intervals
    size_t *from;                   // [n + 1] where its last piece begins
} cut_t;

static double
piece_cost(const cut_t *self, size_t first, size_t past)
{
    const double weight = self->weight[past] - self->weight[first], sum = self->sum[past] - self->sum[first];
    return weight > 0 ? self->square[past] - self->square[first] - sum * sum / weight : 0;
}

// The usual spread of an interval about the local tempo: by the median of its differences to the next one.
static double
usual_spread(const kt_beat_t *beats, size_t n, double *values)
{
    size_t count = 0;
    for (size_t i = 2; i < n; i++)
        if (!beats[i].begins && !beats[i - 1].begins)
            values[count++] = fabs(log((beats[i].time - beats[i - 1].time) / (beats[i - 1].time - beats[i - 2].time)));
    qsort(values, count, sizeof *values, compare_doubles);
    // 1.4826 deviations per median deviation; a difference has the spread of two intervals.
    return fmax(LEAST_SPREAD, count ? values[count / 2] * 1.4826 / sqrt(2) : 0);
}

static void
find_pieces(cut_t *self, const kt_beat_t *beats, double spread)
{
    for (size_t i = 0; i < self->n; i++) {
        const bool   counts = !beats[i + 1].begins;
        const double value  = counts ? log(beats[i + 1].time - beats[i].time) / spread : 0;
        self->sum[i + 1]    = self->sum[i] + value;
        self->square[i + 1] = self->square[i] + value * value;
        self->weight[i + 1] = self->weight[i] + counts;
    }
    // The piece that ends at `past` begins no earlier than where the meter is that of its last beat.
    size_t same = 0;
    for (size_t past = 1; past <= self->n; past++) {
        if (beats[past - 1].signature != beats[same].signature)
            same = past - 1;
        const size_t earliest = past - same > MOST_PIECE ? past - MOST_PIECE : same;
        self->cost[past]      = INFINITY;
        for (size_t first = earliest; first < past; first++) {
            if (past - first < LEAST_PIECE && first > earliest)
                break;
            const double cost = self->cost[first] + piece_cost(self, first, past) + PIECE_COST;
            if (cost < self->cost[past]) {
                self->cost[past] = cost;
                self->from[past] = first;
            }
        }
    }
}

// The pieces in order, those alike as one.
static void
write_pieces(kt_tempi_t *self, const cut_t *cut, const kt_beat_t *beats, size_t *pieces)
{
    size_t count  = 0;
    double weight = 0, sum = 0;
    for (size_t past = cut->n; past > 0; past = cut->from[past])
        pieces[count++] = past;
    while (count-- > 0) {
        const size_t past = pieces[count], first = cut->from[past];
        const double seconds   = beats[past].time - beats[first].time;
        const double intervals = cut->weight[past] - cut->weight[first];
        double       held      = 0;
        for (size_t i = first; i < past; i++)
            held += beats[i + 1].begins ? 0 : beats[i + 1].time - beats[i].time;
        const double       bpm  = held > 0 ? 60 * intervals / held : 60 * (double)(past - first) / seconds;
        kt_tempo_change_t *last = self->n_changes ? &self->changes[self->n_changes - 1] : NULL;
        if (last && last->signature == beats[first].signature && fabs(log(bpm / last->bpm)) < SAME_PIECE) {
            weight += intervals;
            sum += held;
            last->bpm = sum > 0 ? 60 * weight / sum : last->bpm;
            continue;
        }
        weight                           = intervals;
        sum                              = held;
        self->changes[self->n_changes++] = (kt_tempo_change_t){beats[first].time, bpm, beats[first].signature};
    }
}

static kt_err_t
find_changes(kt_tempi_t *self, const kt_beat_t *beats, size_t n)
{
    double *memory = calloc(5 * n, sizeof *memory);
    size_t *from   = calloc(2 * n, sizeof *from);
    cut_t   cut    = {.n = n - 1, .sum = memory, .from = from};
    self->changes  = calloc(n, sizeof *self->changes);
    kt_err_t err   = memory && from && self->changes ? KT_OK : KT_ENOMEM;
    if (!err) {
        cut.square = memory + n;
        cut.weight = memory + 2 * n;
        cut.cost   = memory + 3 * n;
        find_pieces(&cut, beats, usual_spread(beats, n, memory + 4 * n));
        write_pieces(self, &cut, beats, from + n);
    }
    free(memory);
    free(from);
    return err;
}

kt_err_t
kt_tempi_of(kt_tempi_t *self, const kt_beat_t *beats, size_t n)
{
    kt_tempi_t made = {0};
    kt_err_t   err  = find_tempo(&made, beats, n);
    if (!err)
        err = find_changes(&made, beats, n);
    if (err)
        kt_tempi_fini(&made);
    else
        *self = made;
    return err;
}

void
kt_tempi_fini(kt_tempi_t *self)
{
    free(self->changes);
    *self = (kt_tempi_t){0};
}
