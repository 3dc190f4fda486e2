#include "node/video/motion/camera.h"

#include <math.h>
#include <string.h>

enum { UNKNOWNS = 4, VOTE_SIDE = 64, VOTE_STEP = 2, ROUNDS = 6, LEAST_ROUNDS = 3 };
// Distance in pixels at which a cell's weight falls to about a tenth, in each round; and the change, in the middle or
// at the edge, at which it is done.
static const float TOLERANCE[ROUNDS] = {3, 1, 0.5F, 0.5F, 0.5F, 0.5F};
#define DONE 0.02F
#define SHARED 0.5F               // of the area: no other movement is shared by more
#define RELATIVE_TOLERANCE 0.05F  // of the movement, where that is more
#define RIDGE 1e-3F               // of the weight: without evidence there is neither zoom nor turn

// Four cells side by side.
typedef float   four_t __attribute__((vector_size(16)));
typedef int32_t mask_t __attribute__((vector_size(16)));

// The cells that have weight, member by member, so that four are computed at once; those behind the last have none.
typedef struct cells {
    float  width, height;
    size_t fours;
    four_t x[KT_CELLS / 4], y[KT_CELLS / 4], dx[KT_CELLS / 4], dy[KT_CELLS / 4];
    four_t xx[KT_CELLS / 4], xy[KT_CELLS / 4], yy[KT_CELLS / 4], weight[KT_CELLS / 4];
} cells_t;
_Static_assert(KT_CELLS % 4 == 0, "whole fours");

static void
cells_of(const kt_field_t *field, cells_t *out)
{
    size_t n    = 0;
    out->width  = (float)field->width;
    out->height = (float)field->height;
    for (uint32_t i = 0; i < field->across * field->down; i++) {
        const kt_cell_t *c = &field->cell[i];
        if (c->weight <= 0)
            continue;
        const size_t at = n / 4, lane = n % 4;
        if (lane == 0) {
            out->x[at] = out->y[at] = out->dx[at] = out->dy[at] = out->xy[at] = out->weight[at] = (four_t){0};
            out->xx[at] = out->yy[at] = (four_t){1, 1, 1, 1};
        }
        out->x[at][lane]      = c->x;
        out->y[at][lane]      = c->y;
        out->dx[at][lane]     = c->dx;
        out->dy[at][lane]     = c->dy;
        out->xx[at][lane]     = c->xx;
        out->xy[at][lane]     = c->xy;
        out->yy[at][lane]     = c->yy;
        out->weight[at][lane] = c->weight;
        n++;
    }
    out->fours = (n + 3) / 4;
}

static inline four_t
larger(four_t a, four_t b)
{
    const mask_t mask = a > b;
    return (four_t)(((mask_t)a & mask) | ((mask_t)b & ~mask));
}

static inline float
sum_of(four_t v)
{
    return v[0] + v[1] + (v[2] + v[3]);
}

// The movement with the most weight within a square of two steps.
static void
vote(const kt_field_t *field, kt_camera_t *out)
{
    float    votes[VOTE_SIDE + 1][VOTE_SIDE + 1];
    int32_t  at[KT_CELLS][2];
    float    most = 0, middle = VOTE_SIDE / 2;
    uint32_t n = field->across * field->down;
    memset(votes, 0, sizeof votes);
    for (uint32_t i = 0; i < n; i++) {
        const kt_cell_t *cell = &field->cell[i];
        const float      x = cell->dx / VOTE_STEP + middle, y = cell->dy / VOTE_STEP + middle;
        at[i][0] = (int32_t)(x < 0 ? 0 : x > VOTE_SIDE - 1 ? VOTE_SIDE - 1 : x);
        at[i][1] = (int32_t)(y < 0 ? 0 : y > VOTE_SIDE - 1 ? VOTE_SIDE - 1 : y);
        votes[at[i][1]][at[i][0]] += cell->weight;
    }
    *out = (kt_camera_t){0};
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++) {
            const int32_t x = at[i][0] - k % 2, y = at[i][1] - k / 2;
            if (x < 0 || y < 0)
                continue;
            const float sum = votes[y][x] + votes[y][x + 1] + votes[y + 1][x] + votes[y + 1][x + 1];
            if (sum > most) {
                most       = sum;
                out->right = ((float)x + 1 - middle) * VOTE_STEP;
                out->down  = ((float)y + 1 - middle) * VOTE_STEP;
            }
        }
}

// Symmetric positive definite; Cholesky. false: singular.
static bool
solve(double a[UNKNOWNS][UNKNOWNS], double b[UNKNOWNS])
{
    for (int i = 0; i < UNKNOWNS; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = a[i][j];
            for (int k = 0; k < j; k++)
                sum -= a[i][k] * a[j][k];
            if (i == j && sum <= 0)
                return false;
            a[i][j] = i == j ? sqrt(sum) : sum / a[j][j];
        }
        for (int k = 0; k < i; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = UNKNOWNS - 1; i >= 0; i--) {
        for (int k = i + 1; k < UNKNOWNS; k++)
            b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return true;
}

// Weights of four cells by their distance from the model, seen in the directions of their texture.
static inline four_t
trust(const cells_t *c, size_t i, const kt_camera_t *model, float tolerance)
{
    const four_t right = model->right + model->zoom * c->x[i] - model->turn * c->y[i];
    const four_t down  = model->down + model->zoom * c->y[i] + model->turn * c->x[i];
    const four_t x = c->dx[i] - right, y = c->dy[i] - down, speed = right * right + down * down;
    const four_t own = RELATIVE_TOLERANCE * RELATIVE_TOLERANCE * speed, limit = tolerance * tolerance + (four_t){0};
    const four_t d = (c->xx[i] * x * x + 2 * c->xy[i] * x * y + c->yy[i] * y * y) / (c->xx[i] + c->yy[i] + 1e-6F);
    const four_t w = 1 / (1 + 2 * d / larger(own, limit));
    return w * w;
}

// One step of least squares with the weights at the model. `scale` makes distances and movements of one size.
static void
improve(const cells_t *c, float tolerance, kt_camera_t *model)
{
    const float scale = 2.0F / (c->width > c->height ? c->width : c->height);
    four_t      m[10] = {{0}}, v[UNKNOWNS] = {{0}}, all = {0};
    for (size_t i = 0; i < c->fours; i++) {
        const four_t trace = c->xx[i] + c->yy[i], dx = c->dx[i], dy = c->dy[i];
        const four_t w  = (tolerance > 0 ? c->weight[i] * trust(c, i, model, tolerance) : c->weight[i]) / trace;
        const four_t xx = w * c->xx[i], xy = w * c->xy[i], yy = w * c->yy[i], x = scale * c->x[i], y = scale * c->y[i];
        // Columns: right (1, 0), down (0, 1), zoom (x, y), turn (-y, x); each times the texture.
        const four_t zx = xx * x + xy * y, zy = xy * x + yy * y, tx = xy * x - xx * y, ty = yy * x - xy * y;
        m[0] += xx;
        m[1] += xy;
        m[2] += yy;
        m[3] += zx;
        m[4] += zy;
        m[5] += x * zx + y * zy;
        m[6] += tx;
        m[7] += ty;
        m[8] += x * tx + y * ty;
        m[9] += x * ty - y * tx;
        v[0] += xx * dx + xy * dy;
        v[1] += xy * dx + yy * dy;
        v[2] += zx * dx + zy * dy;
        v[3] += tx * dx + ty * dy;
        all += w * trace;
    }
    float s[10];
    for (int i = 0; i < 10; i++)
        s[i] = sum_of(m[i]);
    const double ridge                 = (double)RIDGE * (double)sum_of(all) + 1e-9;
    double       a[UNKNOWNS][UNKNOWNS] = {{s[0] + ridge * 1e-3},
                                          {s[1], s[2] + ridge * 1e-3},
                                          {s[3], s[4], s[5] + ridge},
                                          {s[6], s[7], s[8], s[9] + ridge}};
    double       b[UNKNOWNS]           = {sum_of(v[0]), sum_of(v[1]), sum_of(v[2]), sum_of(v[3])};
    if (solve(a, b))
        *model = (kt_camera_t){(float)b[0], (float)b[1], (float)b[2] * scale, (float)b[3] * scale, 0};
}

static void
improve_until_done(const cells_t *cells, kt_camera_t *model)
{
    const float edge = (cells->width > cells->height ? cells->width : cells->height) / 2;
    for (int round = 0; round < ROUNDS; round++) {
        const kt_camera_t before = *model;
        improve(cells, TOLERANCE[round], model);
        const float change = fabsf(model->right - before.right) + fabsf(model->down - before.down) +
                             edge * (fabsf(model->zoom - before.zoom) + fabsf(model->turn - before.turn));
        if (round + 1 >= LEAST_ROUNDS && change < DONE)
            break;
    }
}

static float
share_of(const cells_t *cells, const kt_camera_t *model)
{
    four_t sum = {0}, all = {0};
    for (size_t i = 0; i < cells->fours; i++) {
        sum += cells->weight[i] * trust(cells, i, model, 1);
        all += cells->weight[i];
    }
    return sum_of(all) > 0 ? sum_of(sum) / sum_of(all) : 0;
}

void
kt_camera_fit(const kt_field_t *field, kt_camera_t *out)
{
    kt_camera_t from_all = {0};
    cells_t     cells;
    cells_of(field, &cells);
    vote(field, out);
    improve_until_done(&cells, out);
    out->share = share_of(&cells, out);
    if (out->share > SHARED)
        return;
    // A strong zoom has no movement that many cells share: from the least squares of all.
    improve(&cells, 0, &from_all);
    improve_until_done(&cells, &from_all);
    from_all.share = share_of(&cells, &from_all);
    if (from_all.share > out->share)
        *out = from_all;
}
