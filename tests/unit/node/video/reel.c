#include "tests/unit/node/video/reel.h"

#include "kernels/image/stats.h"
#include "node/video/rgb.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const double rate_hz = 25;

kt_shots_t     *reel_shots;
static uint64_t shown;
static uint32_t bars_across, bars_down;
static uint8_t  bars_level;

void
reel_begin(void)
{
    reel_begin_with(&(kt_video_stream_t){.duration_s = 0});
}

void
reel_begin_with(const kt_video_stream_t *stream)
{
    shown = bars_across = bars_down = 0;
    bars_level                      = 16;
    cr_assert_eq(kt_shots_new(&reel_shots, stream), KT_OK);
}

void
reel_end(void)
{
    kt_shots_destroy(&reel_shots);
}

// Sum of waves whose directions and lengths depend on the scene alone; -1 to 1.
static double
texture(int scene, double x, double y)
{
    uint32_t state = 12345u + 977u * (uint32_t)scene;
    double   sum   = 0;
    for (int wave = 0; wave < 6; wave++) {
        state              = state * 1664525u + 1013904223u;
        const double angle = (state >> 8) % 628 / 100.0, length = 12 + (state >> 20) % 40;
        sum += sin((x * cos(angle) + y * sin(angle)) * 2 * M_PI / length + (state >> 4) % 100);
    }
    return sum / 6;
}

void
reel_paint(reel_picture_t *out, int scene, double left, double top, double mean, double contrast)
{
    for (int y = 0; y < REEL_HEIGHT; y++)
        for (int x = 0; x < REEL_WIDTH; x++) {
            const double level         = mean + contrast * texture(scene, x + left, y + top);
            out->y[y * REEL_WIDTH + x] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
        }
    for (int i = 0; i < REEL_CHROMA; i++) {
        out->u[i] = (uint8_t)(100 + 17 * scene % 60);
        out->v[i] = (uint8_t)(110 + 29 * scene % 50);
    }
}

void
reel_flat(reel_picture_t *out, uint8_t level)
{
    memset(out->y, level, sizeof out->y);
    memset(out->u, 128, sizeof out->u);
    memset(out->v, 128, sizeof out->v);
}

static void
mix_plane(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n, double share)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)lround(a[i] * (1 - share) + b[i] * share);
}

void
reel_mix(reel_picture_t *out, const reel_picture_t *a, const reel_picture_t *b, double share_of_b)
{
    mix_plane(out->y, a->y, b->y, sizeof out->y, share_of_b);
    mix_plane(out->u, a->u, b->u, sizeof out->u, share_of_b);
    mix_plane(out->v, a->v, b->v, sizeof out->v, share_of_b);
}

void
reel_bars(uint8_t level, uint32_t across, uint32_t down)
{
    bars_level  = level;
    bars_across = across;
    bars_down   = down;
}

// The plane between bars of this level.
static const uint8_t *
pad(const uint8_t *plane, uint32_t width, uint32_t height, uint32_t across, uint32_t down, uint8_t level, uint8_t *out)
{
    const uint32_t stride = width + 2 * across;
    memset(out, level, (size_t)stride * (height + 2 * down));
    for (uint32_t y = 0; y < height; y++)
        memcpy(out + (size_t)(y + down) * stride + across, plane + (size_t)y * width, width);
    return out;
}

// Planes of this size as the next picture.
static void
push(uint32_t width, uint32_t height, const uint8_t *y, const uint8_t *u, const uint8_t *v, uint32_t flags)
{
    static uint8_t         rgb[3 * REEL_MOST / 4];
    kt_image_stats_t       stats;
    kt_rgb_t               matrix;
    const kt_video_frame_t frame = {.index  = shown,
                                    .time_s = (double)shown / rate_hz,
                                    .flags  = flags,
                                    .small  = {width, height, y, u, v, width, width / 2}};
    kt_rgb_init(&matrix, "", height, false);
    kt_rgb_half(&matrix, &kt_rgb_ops_ref, &frame.small, rgb);
    kt_image_ops_ref.stats(rgb, NULL, width / 2, height / 2, &stats);
    const kt_video_picture_t picture = {
        .frame = &frame, .rgb = rgb, .width = width / 2, .height = height / 2, .stats = &stats};
    cr_assert_eq(kt_shots_push(reel_shots, &picture), KT_OK);
    shown++;
}

void
reel_show(const reel_picture_t *picture, uint32_t flags)
{
    static uint8_t planes[3][REEL_MOST];
    const uint32_t across = bars_across, down = bars_down;
    push(REEL_WIDTH + 2 * across, REEL_HEIGHT + 2 * down,
         pad(picture->y, REEL_WIDTH, REEL_HEIGHT, across, down, bars_level, planes[0]),
         pad(picture->u, REEL_WIDTH / 2, REEL_HEIGHT / 2, across / 2, down / 2, 128, planes[1]),
         pad(picture->v, REEL_WIDTH / 2, REEL_HEIGHT / 2, across / 2, down / 2, 128, planes[2]), flags);
}

void
reel_show_wide(int scene, int n)
{
    static uint8_t luma[2][REEL_MOST], chroma[REEL_MOST / 4];
    const uint32_t width = REEL_WIDTH + 2 * bars_across, height = REEL_HEIGHT + 2 * bars_down;
    for (uint32_t i = 0; i < 2 * width * height; i++)
        luma[i / (width * height)][i % (width * height)] =
            (uint8_t)(120 + 40 * texture(scene, i % width + i / (width * height), i / width % height));
    memset(chroma, 100 + 17 * scene % 60, width * height / 4);
    for (int i = 0; i < n; i++)
        push(width, height, luma[i % 2], chroma, chroma, 0);
}

void
reel_pan(int scene, int n, double x, double speed, double mean, double contrast)
{
    reel_picture_t picture;
    for (int i = 0; i < n; i++) {
        reel_paint(&picture, scene, x + speed * i, 30, mean, contrast);
        reel_show(&picture, 0);
    }
}

void
reel_expect(size_t n, const uint64_t first[])
{
    kt_shots_close(reel_shots);
    cr_assert_eq(kt_shots_count(reel_shots), n, "%zu shots", kt_shots_count(reel_shots));
    for (size_t s = 0; s < n; s++) {
        const kt_shot_t *shot = kt_shots_at(reel_shots, s);
        cr_expect_eq(shot->index, first[s], "shot %zu begins at %llu", s, (unsigned long long)shot->index);
        cr_expect_float_eq(shot->begin_s, (double)first[s] / rate_hz, 1e-9);
    }
}
