#include "node/video/text/boxes.h"

#include "node/video/text/components.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MASK 0.3F
#define SCORE 0.5F
#define GROW 1.6F

enum { LEAST_SIDE = 3, LEAST_GROWN = 5, COMPONENTS = 1000 };

// A rectangle: its middle, half its sides, and the direction of the first of them.
typedef struct rect {
    double x, y, along, across, cos, sin;
} rect_t;

typedef struct spot {
    int64_t x, y;
} spot_t;

static int64_t
turn(spot_t o, spot_t a, spot_t b)
{
    return (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
}

// Convex hull (Andrew's monotone chain) of the ends of runs, which come sorted by row and column. hull: room for four
// points per run, and four. Returns how many; those on an edge are left out.
static size_t
hull_of(const kt_run_t *runs, size_t n, spot_t *hull)
{
    size_t count = 0;
    for (int side = 0; side < 2; side++) {
        const size_t start = count;
        for (size_t i = 0; i < 2 * n; i++) {
            const size_t    at    = side ? 2 * n - 1 - i : i;
            const kt_run_t *run   = &runs[at / 2];
            const spot_t    point = {at % 2 ? run->to : run->from, run->y};
            while (count >= start + 2 && turn(hull[count - 2], hull[count - 1], point) <= 0)
                count--;
            hull[count++] = point;
        }
        count--;  // the last point is the first of the other side
    }
    return count > 0 ? count : 1;
}

// The rectangle of least area around a convex polygon: one of its sides lies on a side of the polygon.
static rect_t
least_rect(const spot_t *hull, size_t n)
{
    rect_t best = {.x = (double)hull[0].x, .y = (double)hull[0].y, .cos = 1};
    double area = INFINITY;
    for (size_t i = 0; i < n && n > 1; i++) {
        const spot_t a = hull[i], b = hull[(i + 1) % n];
        const double dx = (double)(b.x - a.x), dy = (double)(b.y - a.y), length = sqrt(dx * dx + dy * dy);
        if (length == 0)
            continue;
        const double c = dx / length, s = dy / length;
        double       low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
        for (size_t k = 0; k < n; k++) {
            const double at[2] = {c * (double)hull[k].x + s * (double)hull[k].y,
                                  c * (double)hull[k].y - s * (double)hull[k].x};
            for (int d = 0; d < 2; d++) {
                low[d]  = fmin(low[d], at[d]);
                high[d] = fmax(high[d], at[d]);
            }
        }
        if ((high[0] - low[0]) * (high[1] - low[1]) >= area)
            continue;
        area           = (high[0] - low[0]) * (high[1] - low[1]);
        const double u = (low[0] + high[0]) / 2, v = (low[1] + high[1]) / 2;
        best = (rect_t){c * u - s * v, s * u + c * v, (high[0] - low[0]) / 2, (high[1] - low[1]) / 2, c, s};
    }
    return best;
}

static void
swap(kt_point_t *a, kt_point_t *b)
{
    const kt_point_t kept = *a;
    *a                    = *b;
    *b                    = kept;
}

// The corners clockwise from the upper left one: of the two on the left the upper one is first.
static void
corners_of(const rect_t *rect, kt_point_t out[4])
{
    kt_point_t p[4];
    for (int i = 0; i < 4; i++) {
        const double u = i == 1 || i == 2 ? rect->along : -rect->along, v = i > 1 ? rect->across : -rect->across;
        p[i] = (kt_point_t){(float)(rect->x + rect->cos * u - rect->sin * v),
                            (float)(rect->y + rect->sin * u + rect->cos * v)};
    }
    for (int i = 1; i < 4; i++)  // by x
        for (int k = i; k > 0 && p[k].x < p[k - 1].x; k--)
            swap(&p[k], &p[k - 1]);
    if (p[1].y < p[0].y)
        swap(&p[0], &p[1]);
    if (p[3].y < p[2].y)
        swap(&p[2], &p[3]);
    memcpy(out, (kt_point_t[]){p[0], p[2], p[3], p[1]}, 4 * sizeof *out);
}

// Where a row crosses the rectangle; false: nowhere.
static bool
row_span(const kt_point_t corner[4], float y, float *from, float *to)
{
    *from = INFINITY;
    *to   = -INFINITY;
    for (int i = 0; i < 4; i++) {
        const kt_point_t a = corner[i], b = corner[(i + 1) % 4];
        if (y < fminf(a.y, b.y) || y > fmaxf(a.y, b.y))
            continue;
        const float share = a.y == b.y ? 0 : (y - a.y) / (b.y - a.y);
        const float x0 = a.x + share * (b.x - a.x), x1 = a.y == b.y ? b.x : x0;
        *from = fminf(*from, fminf(x0, x1));
        *to   = fmaxf(*to, fmaxf(x0, x1));
    }
    return *from <= *to;
}

// Mean probability of the points in the rectangle.
static float
score_of(const float *map, size_t rows, size_t cols, const kt_point_t corner[4])
{
    float  top = INFINITY, bottom = -INFINITY, from, to;
    double sum   = 0;
    size_t count = 0;
    for (int i = 0; i < 4; i++) {
        top    = fminf(top, corner[i].y);
        bottom = fmaxf(bottom, corner[i].y);
    }
    for (float y = fmaxf(0, ceilf(top - 0.01F)); y <= fminf(bottom + 0.01F, (float)rows - 1); y++) {
        if (!row_span(corner, fminf(fmaxf(y, top), bottom), &from, &to))
            continue;
        for (float x = fmaxf(0, ceilf(from - 0.01F)); x <= fminf(to + 0.01F, (float)cols - 1); x++, count++)
            sum += map[(size_t)y * cols + (size_t)x];
    }
    return count ? (float)(sum / (double)count) : 0;
}

static double
area_of(const kt_text_box_t *box)
{
    const kt_point_t *c = box->corner;
    return hypot(c[1].x - c[0].x, c[1].y - c[0].y) * hypot(c[3].x - c[0].x, c[3].y - c[0].y);
}

// The larger first, then the upper one, then the left one.
static int
compare(const void *a, const void *b)
{
    const kt_text_box_t *x = a, *y = b;
    const double         difference = area_of(y) - area_of(x);
    if (difference != 0)
        return difference > 0 ? 1 : -1;
    if (x->corner[0].y != y->corner[0].y)
        return x->corner[0].y < y->corner[0].y ? -1 : 1;
    return x->corner[0].x < y->corner[0].x ? -1 : x->corner[0].x > y->corner[0].x;
}

// The box of one component; false: too small, or too improbable.
static bool
box_of(const float *map, size_t rows, size_t cols, const kt_run_t *runs, size_t n, spot_t *hull, kt_text_box_t *out)
{
    rect_t rect = least_rect(hull, hull_of(runs, n, hull));
    if (2 * fmin(rect.along, rect.across) < LEAST_SIDE)
        return false;
    corners_of(&rect, out->corner);
    out->score = score_of(map, rows, cols, out->corner);
    if (!(out->score >= SCORE))
        return false;
    const double grow = GROW * rect.along * rect.across / (rect.along + rect.across);  // area / perimeter
    rect.along += grow;
    rect.across += grow;
    corners_of(&rect, out->corner);
    return 2 * fmin(rect.along, rect.across) >= LEAST_GROWN;
}

kt_err_t
kt_text_boxes(const float *map, size_t rows, size_t cols, kt_text_box_t out[KT_TEXT_BOXES], size_t *n)
{
    kt_components_t parts = {0};
    kt_text_box_t  *boxes = NULL;
    spot_t         *hull  = NULL;
    size_t          most = 0, count = 0;
    kt_err_t        err = kt_components_find(&parts, map, rows, cols, MASK);
    for (size_t c = 0; c < parts.n; c++)
        if (parts.first[c + 1] - parts.first[c] > most)
            most = parts.first[c + 1] - parts.first[c];
    if (!err && (!(boxes = calloc(COMPONENTS, sizeof *boxes)) || !(hull = calloc(4 * most + 4, sizeof *hull))))
        err = KT_ENOMEM;
    for (size_t c = 0; c < parts.n && count < COMPONENTS && !err; c++)
        count += box_of(map, rows, cols, parts.runs + parts.first[c], parts.first[c + 1] - parts.first[c], hull,
                        &boxes[count]);
    if (!err) {
        qsort(boxes, count, sizeof *boxes, compare);
        *n = count < KT_TEXT_BOXES ? count : KT_TEXT_BOXES;
        memcpy(out, boxes, *n * sizeof *out);
    }
    kt_components_fini(&parts);
    free(boxes);
    free(hull);
    return err;
}
