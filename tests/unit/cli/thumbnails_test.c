#include "coordinator/cli/film/thumbnails.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t        luma[64], chroma[16];
static const kt_yuv_t PICTURE = {
    .width = 8, .height = 8, .y = luma, .u = chroma, .v = chroma, .y_stride = 8, .c_stride = 4};

static kt_kept_t *
kept_new(void)
{
    kt_kept_t *kept = calloc(1, sizeof *kept);
    cr_assert_not_null(kept);
    kept->side = 8;
    return kept;
}

Test(kept, the_picture_nearest_to_the_middle_of_a_shot_is_within_a_32nd_of_its_length)
{
    kt_kept_t *kept = kept_new();
    for (int i = 0; i < 25 * 3600; i++) {
        const double now = i / 25.0;
        cr_assert_eq(kt_kept_add(kept, now, &PICTURE, 0), KT_OK);
        if (i % 997 != 0 || i == 0)
            continue;
        // A shot from the beginning, decided late.
        const double             end = now > 4 ? now - 4 : now, middle = end / 2;
        const kt_kept_picture_t *nearest = kt_kept_nearest(kept, middle, 0, end);
        cr_assert_not_null(nearest, "%g", now);
        cr_assert_leq(fabs(nearest->time_s - middle), fmax(end / 32, 0.04), "%g: %g", now, nearest->time_s);
    }
    kt_kept_fini(kept);
    free(kept);
}

Test(kept, an_hour_at_any_rate_keeps_a_bounded_number_of_pictures)
{
    static const double RATES[] = {1, 25, 60, 240};
    for (size_t r = 0; r < sizeof RATES / sizeof *RATES; r++) {
        kt_kept_t *kept = kept_new();
        size_t     most = 0;
        for (int i = 0; i < 3600 * RATES[r]; i++) {
            cr_assert_eq(kt_kept_add(kept, i / RATES[r], &PICTURE, 0), KT_OK);
            most = kept->n > most ? kept->n : most;
        }
        cr_expect_lt(most, KT_KEPT_MOST / 2, "%g Hz: %zu", RATES[r], most);
        kt_kept_fini(kept);
        free(kept);
    }
}

Test(kept, a_short_shot_after_a_long_one_still_has_its_picture)
{
    kt_kept_t *kept = kept_new();
    for (int i = 0; i < 25 * 600; i++)
        cr_assert_eq(kt_kept_add(kept, i / 25.0, &PICTURE, 0), KT_OK);
    const kt_kept_picture_t *nearest = kt_kept_nearest(kept, 596.06, 596.0, 596.12);  // three pictures, 4 s ago
    cr_assert_not_null(nearest);
    cr_assert_float_eq(nearest->time_s, 596.04, 1e-6);
    cr_assert_null(kt_kept_nearest(kept, 700, 700, 701));
    cr_assert_eq(kt_kept_add(kept, 600, &PICTURE, 599), KT_OK);  // the shot began at 599: nothing older is kept
    cr_assert_float_eq(kept->at[0].time_s, 599, 1e-6);
    kt_kept_fini(kept);
    free(kept);
}

static void
add_picture(kt_thumbnails_t *self, double time_s, bool sampled)
{
    const kt_media_info_t  info  = {.width = 8, .height = 8, .pixel_aspect_ratio = 1};
    const kt_video_frame_t frame = {.time_s = time_s, .small = PICTURE, .whole = sampled ? PICTURE : (kt_yuv_t){0}};
    kt_thumbnails_picture(self, &info, &frame);
}

static bool
is_there(const char *dir, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    bool there = access(path, F_OK) == 0;
    unlink(path);
    return there;
}

Test(thumbnails, a_shot_has_its_sampled_picture_nearest_to_the_middle_or_a_reduced_one)
{
    char dir[] = "/tmp/kithara-thumbnails-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    kt_thumbnails_t *self = kt_thumbnails_new(dir, "film.mp4");
    for (int i = 0; i < 250; i++)
        add_picture(self, i / 25.0, i % 25 == 12);
    kt_thumbnails_shot(self, 0, 5);
    kt_thumbnails_shot(self, 5, 5.4);  // between two samples
    kt_thumbnails_shot(self, 5.4, 10);
    cr_assert_eq(self->err, KT_OK, "%s", self->what);
    cr_assert_eq(self->written, 3);
    cr_assert(is_there(dir, "film.mp4-0001-2.480s.png"));
    cr_assert(is_there(dir, "film.mp4-0002-5.200s.png"));
    cr_assert(is_there(dir, "film.mp4-0003-7.480s.png"));
    cr_assert_eq(rmdir(dir), 0);
    kt_thumbnails_fini(self);
    free(self);
}

Test(thumbnails, a_folder_that_cannot_be_written_is_the_files_error)
{
    kt_thumbnails_t *self = kt_thumbnails_new("/nonexistent", "film.mp4");
    add_picture(self, 0, true);
    kt_thumbnails_shot(self, 0, 1);
    cr_assert_eq(self->err, KT_EIO);
    cr_assert_str_eq(self->what, "/nonexistent/film.mp4-0001-0.000s.png");
    cr_assert_eq(self->written, 0);
    kt_thumbnails_fini(self);
    free(self);
}
