// reel_t -- a film that is made picture by picture, for tests of shots. Scenes are smooth textures with two colours.
#pragma once

#include "node/video/shots.h"

enum {
    REEL_WIDTH    = 160,
    REEL_HEIGHT   = 96,
    REEL_CHROMA   = REEL_WIDTH / 2 * REEL_HEIGHT / 2,
    REEL_BAR_MOST = 64,
    REEL_MOST     = (REEL_WIDTH + 2 * REEL_BAR_MOST) * (REEL_HEIGHT + 2 * REEL_BAR_MOST),
};

typedef struct reel_picture {
    uint8_t y[REEL_WIDTH * REEL_HEIGHT], u[REEL_CHROMA], v[REEL_CHROMA];
} reel_picture_t;

// The one that tests use; 25 pictures per second from 0 s on.
extern kt_shots_t *reel_shots;
void               reel_begin(void);
void               reel_begin_with(const kt_video_stream_t *stream);
void               reel_end(void);
// Pictures are shown from now on between grey bars of this level, width and height on both sides, even, at most
// REEL_BAR_MOST.
void reel_bars(uint8_t level, uint32_t across, uint32_t down);

// A view of the scene with its upper left corner at (left, top); brightness and contrast in 8-bit steps.
void reel_paint(reel_picture_t *out, int scene, double left, double top, double mean, double contrast);
void reel_flat(reel_picture_t *out, uint8_t level);
void reel_mix(reel_picture_t *out, const reel_picture_t *a, const reel_picture_t *b, double share_of_b);
void reel_show(const reel_picture_t *picture, uint32_t flags);  // kt_frame_flag_t
// n pictures of the scene, two in turn, that fill what was between bars and the bars.
void reel_show_wide(int scene, int n);
// n pictures of a camera that moves over the scene by `speed` pixels a picture from x on.
void reel_pan(int scene, int n, double x, double speed, double mean, double contrast);
// Closes; shots begin at these pictures.
void reel_expect(size_t n, const uint64_t first[]);
