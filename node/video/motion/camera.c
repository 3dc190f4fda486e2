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

// Weight of a cell by its distance from the model, seen in the directions of its texture.
static float
trust(const kt_cell_t *cell, const kt_camera_t *model, float tolerance)
{
    float at[2];
    kt_camera_at(model, cell, at);
    const float x = cell->dx - at[0], y = cell->dy - at[1], speed = at[0] * at[0] + at[1] * at[1];
    const float own = RELATIVE_TOLERANCE * RELATIVE_TOLERANCE * speed, limit = tolerance * tolerance;
    const float d = (cell->xx * x * x + 2 * cell->xy * x * y + cell->yy * y * y) / (cell->xx + cell->yy + 1e-6F);
    const float w = 1 / (1 + 2 * d / (own > limit ? own : limit));
    return w * w;
}

// One step of least squares with the weights at the model. `scale` makes distances and movements of one size.
static void
improve(const kt_field_t *field, float tolerance, kt_camera_t *model)
{
    const float scale = 2.0F / (float)(field->width > field->height ? field->width : field->height);
    float       m[10] = {0}, v[UNKNOWNS] = {0}, all = 0;
    for (uint32_t i = 0; i < field->across * field->down; i++) {
        const kt_cell_t *c = &field->cell[i];
        if (c->weight <= 0)
            continue;
        const float w  = c->weight * (tolerance > 0 ? trust(c, model, tolerance) : 1) / (c->xx + c->yy);
        const float xx = w * c->xx, xy = w * c->xy, yy = w * c->yy, x = scale * c->x, y = scale * c->y;
        // Columns: right (1, 0), down (0, 1), zoom (x, y), turn (-y, x); each times the texture.
        const float zx = xx * x + xy * y, zy = xy * x + yy * y, tx = xy * x - xx * y, ty = yy * x - xy * y;
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
        v[0] += xx * c->dx + xy * c->dy;
        v[1] += xy * c->dx + yy * c->dy;
        v[2] += zx * c->dx + zy * c->dy;
        v[3] += tx * c->dx + ty * c->dy;
        all += w * (c->xx + c->yy);
    }
    const double ridge                 = (double)RIDGE * (double)all + 1e-9;
    double       a[UNKNOWNS][UNKNOWNS] = {{m[0] + ridge * 1e-3},
                                          {m[1], m[2] + ridge * 1e-3},
                                          {m[3], m[4], m[5] + ridge},
                                          {m[6], m[7], m[8], m[9] + ridge}};
    double       b[UNKNOWNS]           = {v[0], v[1], v[2], v[3]};
    if (solve(a, b))
        *model = (kt_camera_t){(float)b[0], (float)b[1], (float)b[2] * scale, (float)b[3] * scale, 0};
}

static void
improve_until_done(const kt_field_t *field, kt_camera_t *model)
{
    const float edge = (float)(field->width > field->height ? field->width : field->height) / 2;
    for (int round = 0; round < ROUNDS; round++) {
        const kt_camera_t before = *model;
        improve(field, TOLERANCE[round], model);
        const float change = fabsf(model->right - before.right) + fabsf(model->down - before.down) +
                             edge * (fabsf(model->zoom - before.zoom) + fabsf(model->turn - before.turn));
        if (round + 1 >= LEAST_ROUNDS && change < DONE)
            break;
    }
}

static float
share_of(const kt_field_t *field, const kt_camera_t *model)
{
    float sum = 0, all = 0;
    for (uint32_t i = 0; i < field->across * field->down; i++) {
        sum += field->cell[i].weight * trust(&field->cell[i], model, 1);
        all += field->cell[i].weight;
    }
    return all > 0 ? sum / all : 0;
}

void
kt_camera_fit(const kt_field_t *field, kt_camera_t *out)
{
    kt_camera_t from_all = {0};
    vote(field, out);
    improve_until_done(field, out);
    out->share = share_of(field, out);
    if (out->share > SHARED)
        return;
    // A strong zoom has no movement that many cells share: from the least squares of all.
    improve(field, 0, &from_all);
    improve_until_done(field, &from_all);
    from_all.share = share_of(field, &from_all);
    if (from_all.share > out->share)
        *out = from_all;
}
