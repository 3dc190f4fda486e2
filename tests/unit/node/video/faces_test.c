#include "node/video/faces/centerface.h"
#include "node/video/faces/face_tracks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16, COLS = 24, CELLS = ROWS * COLS };

static float heat[CELLS], size[2 * CELLS], offset[2 * CELLS];

static const kt_centerface_maps_t MAPS = {heat, size, offset, ROWS, COLS};

static void
clear(void)
{
    memset(heat, 0, sizeof heat);
    memset(size, 0, sizeof size);
    memset(offset, 0, sizeof offset);
}

static void
put(size_t row, size_t col, float confidence, float height, float width)
{
    const size_t at  = row * COLS + col;
    heat[at]         = confidence;
    size[at]         = logf(height / 4);
    size[CELLS + at] = logf(width / 4);
}

Test(centerface, a_cell_becomes_a_box_around_its_centre)
{
    kt_face_t faces[KT_FACES_MOST];
    clear();
    put(5, 10, 0.9F, 24, 16);
    offset[5 * COLS + 10]         = 0.25F;
    offset[CELLS + 5 * COLS + 10] = -0.5F;
    cr_assert_eq(kt_centerface_faces(&MAPS, 0.5F, faces), 1);
    cr_expect_float_eq(faces[0].x + faces[0].width / 2, 40, 1e-3);   // 4 (10 - .5 + .5)
    cr_expect_float_eq(faces[0].y + faces[0].height / 2, 23, 1e-3);  // 4 (5 + .25 + .5)
    cr_expect_float_eq(faces[0].width, 16, 1e-3);
    cr_expect_float_eq(faces[0].height, 24, 1e-3);
    cr_expect_float_eq(faces[0].confidence, 0.9F, 1e-6);
}

Test(centerface, neighbouring_cells_of_one_face_are_one_box)
{
    kt_face_t faces[KT_FACES_MOST];
    clear();
    put(5, 10, 0.8F, 40, 40);
    put(5, 11, 0.9F, 40, 40);
    put(6, 10, 0.7F, 40, 40);
    put(5, 22, 0.6F, 12, 12);
    cr_assert_eq(kt_centerface_faces(&MAPS, 0.5F, faces), 2);
    cr_expect_float_eq(faces[0].confidence, 0.9F, 1e-6);
    cr_expect_float_eq(faces[1].confidence, 0.6F, 1e-6);
}

Test(centerface, boxes_end_at_the_picture)
{
    kt_face_t faces[KT_FACES_MOST];
    clear();
    put(0, 0, 0.9F, 40, 40);
    put(ROWS - 1, COLS - 1, 0.8F, 40, 40);
    cr_assert_eq(kt_centerface_faces(&MAPS, 0.5F, faces), 2);
    cr_expect(faces[0].x == 0 && faces[0].y == 0);
    cr_expect(faces[1].x + faces[1].width <= 4 * COLS && faces[1].y + faces[1].height <= 4 * ROWS);
}

Test(centerface, maps_full_of_faces_or_of_nothing_sensible_are_bounded)
{
    enum { MANY = 128 };
    static float many[MANY * MANY], sizes[2 * MANY * MANY], offsets[2 * MANY * MANY];
    kt_face_t    faces[KT_FACES_MOST];
    for (int i = 0; i < MANY * MANY; i++)
        many[i] = 1;
    const kt_centerface_maps_t full = {many, sizes, offsets, MANY, MANY};
    cr_expect_eq(kt_centerface_faces(&full, 0.5F, faces), KT_FACES_MOST);
    for (int i = 0; i < 2 * MANY * MANY; i++)
        sizes[i] = NAN;
    cr_expect_eq(kt_centerface_faces(&full, 0.5F, faces), 0);
    for (int i = 0; i < MANY * MANY; i++)
        many[i] = NAN;
    cr_expect_eq(kt_centerface_faces(&full, 0.5F, faces), 0);
}

Test(centerface, of_the_faces_of_several_sizes_the_most_confident_is_left)
{
    kt_face_t faces[] = {
        {10, 10, 40, 40, 0.6F}, {200, 10, 40, 40, 0.9F}, {12, 11, 40, 40, 0.8F}, {10, 10, 40, 40, 0.3F}};
    cr_assert_eq(kt_faces_join(faces, 4, 0.5F, 0.65F), 2);
    cr_expect(faces[0].x == 200 && faces[1].x == 12 && faces[1].confidence == 0.8F);
    cr_expect_eq(kt_faces_join(faces, 0, 0.5F, 0.65F), 0);
}

Test(centerface, faint_faces_are_one_if_they_are_likely_together)
{
    kt_face_t less[] = {
        {10, 10, 40, 40, 0.4F}, {12, 10, 40, 40, 0.4F}, {200, 10, 40, 40, 0.4F}, {300, 10, 40, 40, 0.5F}};
    kt_face_t more[] = {{10, 10, 40, 40, 0.3F}, {11, 10, 40, 40, 0.4F}, {10, 11, 40, 40, 0.2F}};
    cr_assert_eq(kt_faces_join(less, 4, 0.5F, 0.65F), 1);  // 1 - .6 .6 is .64
    cr_expect_eq(less[0].x, 300);
    cr_assert_eq(kt_faces_join(more, 3, 0.5F, 0.65F), 1);  // 1 - .7 .6 .8 is .664
    cr_expect(more[0].x == 11 && more[0].confidence == 0.4F);
}

Test(centerface, small_faces_of_a_small_picture_are_left_out)
{
    kt_face_t faces[] = {{0, 0, 20, 30, 0.9F}, {1, 0, 20, 28, 0.8F}, {2, 0, 24, 24, 0.7F}};
    cr_assert_eq(kt_faces_large(faces, 3, 24), 2);
    cr_expect(faces[0].x == 0 && faces[1].x == 2);
    cr_expect_eq(kt_faces_large(faces, 2, 0), 2);
    cr_expect_eq(kt_faces_large(faces, 2, 25), 0);
}

// --- tracks

static kt_sighting_t
seen(uint32_t sample, uint32_t shot, float x, float confidence)
{
    return (kt_sighting_t){.face = {x, 50, 40, 50, confidence}, .sample = sample, .shot = shot};
}

static size_t
count(kt_sighting_t *sightings, size_t n)
{
    size_t faces = 99;
    cr_assert_eq(kt_face_tracks(sightings, n, &faces), KT_OK);
    return faces;
}

Test(face_tracks, a_weak_face_needs_two_samples_of_its_shot)
{
    kt_sighting_t once[]   = {seen(0, 0, 10, 0.6F)};
    kt_sighting_t twice[]  = {seen(0, 0, 10, 0.6F), seen(3, 0, 12, 0.55F)};
    kt_sighting_t shots[]  = {seen(0, 0, 10, 0.6F), seen(1, 1, 10, 0.6F)};
    kt_sighting_t places[] = {seen(0, 0, 10, 0.6F), seen(1, 0, 300, 0.6F)};
    cr_expect_eq(count(once, 1), 0);
    cr_expect(!once[0].counts);
    cr_expect_eq(count(twice, 2), 1);
    cr_expect(twice[0].counts && twice[1].counts);
    cr_expect_eq(count(shots, 2), 0);
    cr_expect_eq(count(places, 2), 0);
}

Test(face_tracks, a_sure_face_needs_one_sample)
{
    kt_sighting_t sure[] = {seen(0, 0, 10, 0.7F)};
    cr_expect_eq(count(sure, 1), 1);
}

Test(face_tracks, a_face_is_counted_once_per_shot)
{
    kt_sighting_t moving[] = {seen(0, 0, 10, 0.9F), seen(1, 0, 40, 0.9F), seen(2, 0, 80, 0.9F), seen(3, 1, 80, 0.9F)};
    cr_expect_eq(count(moving, 4), 2);
}

Test(face_tracks, two_faces_of_one_sample_are_two)
{
    kt_sighting_t two[] = {seen(0, 0, 10, 0.9F), seen(0, 0, 55, 0.9F), seen(1, 0, 14, 0.9F), seen(1, 0, 59, 0.9F)};
    cr_expect_eq(count(two, 4), 2);
    cr_expect(two[0].track == two[2].track && two[1].track == two[3].track);
}

Test(face_tracks, none_and_many_are_no_problem)
{
    enum { MANY = 20000 };
    kt_sighting_t *many = calloc(MANY, sizeof *many);
    cr_expect_eq(count(NULL, 0), 0);
    for (uint32_t i = 0; i < MANY; i++)
        many[i] = seen(i / 100, 0, (float)(i % 100) * 500 + (float)(i / 100) * 90, 0.9F);
    cr_expect_geq(count(many, MANY), 100);
    free(many);
}
