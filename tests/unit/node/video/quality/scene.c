#include "tests/unit/node/video/quality/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state;

static uint32_t
draw(uint32_t n)
{
    state = state * 1664525U + 1013904223U;
    return (state >> 8) % n;
}

static uint8_t
to_byte(double v)
{
    return (uint8_t)lrint(v < 0 ? 0 : v > 255 ? 255 : v);
}

void
scene_paint(scene_t *self)
{
    state = 7;
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++)
            self->at[y][x] = to_byte(60 + 0.15 * x + 0.1 * y);
    for (int i = 0; i < 120; i++) {
        const int x = (int)draw(SCENE_WIDTH - 20), y = (int)draw(SCENE_HEIGHT - 20), light = 30 + (int)draw(190);
        const int w = 8 + (int)draw(60), h = 8 + (int)draw(60);
        for (int row = y; row < y + h && row < SCENE_HEIGHT; row++)
            memset(&self->at[row][x], light, (size_t)(x + w < SCENE_WIDTH ? w : SCENE_WIDTH - x));
    }
}

// One direction: n values at a distance of step.
static void
blur_line(uint8_t *at, int n, int step, const double *weights, int radius)
{
    double out[SCENE_WIDTH];
    for (int i = 0; i < n; i++) {
        out[i] = 0;
        for (int k = -radius; k <= radius; k++) {
            const int j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
            out[i] += weights[abs(k)] * at[j * step];
        }
    }
    for (int i = 0; i < n; i++)
        at[i * step] = to_byte(out[i]);
}

void
scene_blur(scene_t *self, double sigma)
{
    enum { MOST = 32 };
    double    weights[MOST + 1], sum = 0;
    const int radius = (int)fmin(MOST, ceil(3 * sigma));
    for (int k = -radius; k <= radius; k++)
        sum += weights[abs(k)] = exp(-k * k / (2 * sigma * sigma));
    for (int k = 0; k <= radius; k++)
        weights[k] /= sum;
    for (int y = 0; y < SCENE_HEIGHT; y++)
        blur_line(self->at[y], SCENE_WIDTH, 1, weights, radius);
    for (int x = 0; x < SCENE_WIDTH; x++)
        blur_line(&self->at[0][x], SCENE_HEIGHT, SCENE_WIDTH, weights, radius);
}

void
scene_noise(scene_t *self, double sigma)
{
    state = 11;
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++) {
            double sum = -6;
            for (int i = 0; i < 12; i++)
                sum += draw(1 << 16) / 65536.0;
            self->at[y][x] = to_byte(self->at[y][x] + sigma * sum);
        }
}

void
scene_blocks(scene_t *self, int side, int offset, double share)
{
    for (int top = offset - side; top < SCENE_HEIGHT; top += side)
        for (int left = offset - side; left < SCENE_WIDTH; left += side) {
            double sum = 0, n = 0;
            for (int pass = 0; pass < 2; pass++)
                for (int y = top < 0 ? 0 : top; y < top + side && y < SCENE_HEIGHT; y++)
                    for (int x = left < 0 ? 0 : left; x < left + side && x < SCENE_WIDTH; x++) {
                        if (pass)
                            self->at[y][x] = to_byte((1 - share) * self->at[y][x] + share * sum / n);
                        else
                            sum += self->at[y][x], n++;
                    }
        }
}

void
scene_levels(scene_t *self, int step)
{
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++)
            self->at[y][x] = (uint8_t)(self->at[y][x] / step * step);
}

void
scene_comb(scene_t *self, int shift)
{
    for (int y = 1; y < SCENE_HEIGHT; y += 2)
        memmove(&self->at[y][shift], self->at[y], (size_t)(SCENE_WIDTH - shift));
}

kt_plane_t
scene_plane(const scene_t *self)
{
    return (kt_plane_t){self->at[0], SCENE_WIDTH, SCENE_HEIGHT, SCENE_WIDTH, 1};
}
