#include "node/video/text/regions.h"

#include <math.h>
#include <stdlib.h>

#define SAME_PLACE 0.6F      // overlap
#define SAME_TEXT 0.4F       // difference: two readings of one line differ in single letters
#define STAYS 0.3F           // movement of a side in line heights: the boxes of a line that stays differ by some pixels
#define PICTURE_MOVES 0.03F  // mean change of luma: noise and small movement are below
#define CONTRAST 0.35F
#define HORIZONTAL 0.05F  // three degrees

static float
overlap(const kt_text_line_t *a, const kt_text_line_t *b)
{
    const float left = fmaxf(a->x, b->x), right = fminf(a->x + a->width, b->x + b->width);
    const float top = fmaxf(a->y, b->y), bottom = fminf(a->y + a->height, b->y + b->height);
    const float common = fmaxf(0, right - left) * fmaxf(0, bottom - top);
    const float both   = a->width * a->height + b->width * b->height - common;
    return both > 0 ? common / both : 0;
}

static float
change_of(const kt_sampled_t *a, const kt_sampled_t *b)
{
    int sum = 0;
    for (int y = 0; y < KT_SAMPLED_DOWN; y++)
        for (int x = 0; x < KT_SAMPLED_ACROSS; x++)
            sum += abs(a->luma[y][x] - b->luma[y][x]);
    return (float)sum / (KT_SAMPLED_DOWN * KT_SAMPLED_ACROSS * 255.0F);
}

// Largest movement of a side, in line heights.
static float
movement(const kt_text_line_t *a, const kt_text_line_t *b)
{
    const float across = fmaxf(fabsf(a->x - b->x), fabsf(a->x + a->width - b->x - b->width));
    const float down   = fmaxf(fabsf(a->y - b->y), fabsf(a->y + a->height - b->y - b->height));
    return fmaxf(across, down) / fmaxf(1, fminf(a->height, b->height));
}

// The region that this line continues; NULL: none. Regions before `from` have ended.
static kt_text_region_t *
continues(kt_text_region_t *regions, size_t from, size_t n, const kt_text_line_t *line, const kt_sampled_t *samples)
{
    kt_text_region_t *best = NULL;
    float             most = SAME_PLACE;
    for (size_t r = from; r < n; r++) {
        const float common = overlap(regions[r].latest, line);
        if (regions[r].last + 1 != line->sample || samples[regions[r].last].shot != samples[line->sample].shot ||
            common < most || kt_text_difference(regions[r].latest->text, line->text) > SAME_TEXT)
            continue;
        best = &regions[r];
        most = common;
    }
    return best;
}

static void
extend(kt_text_region_t *region, const kt_text_line_t *line, const kt_sampled_t *samples)
{
    region->stayed = region->stayed && movement(region->latest, line) <= STAYS;
    region->change = fmaxf(region->change, change_of(&samples[region->last], &samples[line->sample]));
    region->last   = line->sample;
    region->latest = line;
    if (line->confidence > region->best->confidence)
        region->best = line;
}

static bool
is_caption(const kt_text_region_t *region, const kt_sampled_t *samples)
{
    const kt_text_line_t *line   = region->best;
    const float           height = (float)samples[line->sample].height;
    if (line->slope > HORIZONTAL || line->contrast < CONTRAST)
        return false;
    if (region->last > region->first && region->change >= PICTURE_MOVES)
        return region->stayed;
    return line->y + line->height / 2 >= height * 2 / 3;
}

kt_err_t
kt_text_regions(const kt_text_line_t *lines, size_t n, const kt_sampled_t *samples, kt_text_region_t **regions,
                size_t *count)
{
    kt_text_region_t *made   = calloc(n + 1, sizeof *made);
    size_t            made_n = 0, from = 0, known = 0;  // known: regions that began before this sample
    if (!made)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const kt_text_line_t *line = &lines[i];
        if (i == 0 || line->sample != lines[i - 1].sample)
            known = made_n;
        while (from < known && made[from].last + 1 < line->sample)
            from++;
        kt_text_region_t *region = continues(made, from, known, line, samples);
        if (region)
            extend(region, line, samples);
        else
            made[made_n++] = (kt_text_region_t){
                .best = line, .first = line->sample, .last = line->sample, .latest = line, .stayed = true};
    }
    for (size_t r = 0; r < made_n; r++)
        made[r].caption = is_caption(&made[r], samples);
    *regions = made;
    *count   = made_n;
    return KT_OK;
}
