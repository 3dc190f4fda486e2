#include "common/json.h"
#include "proto/document.h"
#include "tests/unit/node/video/reel.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(gradual, .init = reel_begin, .fini = reel_end);

static reel_picture_t before, after, now;

// Shot 1 begins at this picture or one near it, by this transition, which begins near `from`.
static void
expect_transition(size_t shot, kt_transition_t kind, uint64_t from, uint64_t to)
{
    cr_assert_gt(kt_shots_count(reel_shots), shot, "%zu shots", kt_shots_count(reel_shots));
    const kt_shot_t *found = kt_shots_at(reel_shots, shot);
    cr_expect_eq(found->transition, kind, "kind %d", (int)found->transition);
    cr_expect_float_eq(found->from_s, (double)from / 25, 0.17, "from %.2f", found->from_s);
    cr_expect_float_eq(found->begin_s, (double)to / 25, 0.17, "to %.2f", found->begin_s);
}

static void
show_mixtures(int n)
{
    for (int i = 1; i <= n; i++) {
        reel_mix(&now, &before, &after, (double)i / (n + 1));
        reel_show(&now, 0);
    }
}

Test(gradual, a_dissolve_is_one)
{
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_paint(&before, 1, 40, 30, 120, 60);
    reel_paint(&after, 2, 40, 30, 120, 60);
    show_mixtures(20);
    reel_pan(2, 40, 40, 0, 120, 60);
    kt_shots_close(reel_shots);
    cr_assert_eq(kt_shots_count(reel_shots), 2, "%zu shots", kt_shots_count(reel_shots));
    expect_transition(1, KT_DISSOLVE, 40, 60);
}

Test(gradual, a_wipe_is_one)
{
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_paint(&before, 1, 40, 30, 120, 60);
    reel_paint(&after, 2, 40, 30, 120, 60);
    for (int i = 1; i <= 20; i++) {
        now = before;
        for (int p = 0; p < REEL_WIDTH * REEL_HEIGHT; p++)
            if (p % REEL_WIDTH < REEL_WIDTH * i / 21)
                now.y[p] = after.y[p];
        for (int p = 0; p < REEL_CHROMA; p++)
            if (p % (REEL_WIDTH / 2) < REEL_WIDTH / 2 * i / 21) {
                now.u[p] = after.u[p];
                now.v[p] = after.v[p];
            }
        reel_show(&now, 0);
    }
    reel_pan(2, 40, 40, 0, 120, 60);
    kt_shots_close(reel_shots);
    cr_assert_eq(kt_shots_count(reel_shots), 2, "%zu shots", kt_shots_count(reel_shots));
    expect_transition(1, KT_WIPE, 40, 60);
}

Test(gradual, a_fade_through_black_is_one)
{
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_paint(&before, 1, 40, 30, 120, 60);
    reel_flat(&after, 16);
    show_mixtures(12);
    reel_flat(&before, 16);
    reel_show(&before, 0);
    reel_show(&before, 0);
    reel_paint(&after, 2, 40, 30, 120, 60);
    show_mixtures(12);
    reel_pan(2, 40, 40, 0, 120, 60);
    kt_shots_close(reel_shots);
    cr_assert_eq(kt_shots_count(reel_shots), 2, "%zu shots", kt_shots_count(reel_shots));
    expect_transition(1, KT_FADE, 40, 66);
}

Test(gradual, black_after_a_fade_is_a_shot_when_it_lasts)
{
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_paint(&before, 1, 40, 30, 120, 60);
    reel_flat(&after, 16);
    show_mixtures(12);
    for (int i = 0; i < 75; i++)
        reel_show(&after, 0);
    reel_pan(2, 40, 40, 0, 120, 60);
    kt_shots_close(reel_shots);
    cr_assert_eq(kt_shots_count(reel_shots), 3, "%zu shots", kt_shots_count(reel_shots));
    expect_transition(1, KT_FADE, 40, 52);
    expect_transition(2, KT_CUT, 127, 127);
}

Test(gradual, a_change_of_exposure_is_none)
{
    for (int i = 0; i < 100; i++)
        reel_pan(1, 1, 40, 0, 80 + 0.8 * i, 30 + 0.3 * i);
    reel_expect(1, (uint64_t[]){0});
}

Test(gradual, a_pan_between_two_rests_is_none)
{
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_pan(1, 30, 40, 6, 120, 60);
    reel_pan(1, 40, 220, 0, 120, 60);
    reel_expect(1, (uint64_t[]){0});
}

Test(gradual, a_graphic_that_appears_is_none)
{
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_paint(&before, 1, 40, 30, 120, 60);
    after = before;
    for (int y = 20; y < 50; y++)
        memset(after.y + y * REEL_WIDTH + 20, 235, 120);
    show_mixtures(15);
    for (int i = 0; i < 40; i++)
        reel_show(&after, 0);
    reel_expect(1, (uint64_t[]){0});
}

// A still scene behind things that move, in a light that falls on it for a quarter of a second and has other colours.
Test(gradual, a_lamp_that_blinks_is_none)
{
    static reel_picture_t things;
    reel_paint(&before, 1, 40, 30, 120, 60);
    reel_paint(&after, 2, 40, 30, 150, 60);
    for (int i = 0; i < 90; i++) {
        const int lit = abs(i - 45) < 4 ? 4 : abs(i - 45) < 8 ? 8 - abs(i - 45) : 0;
        reel_paint(&things, 5, 11 * i, 7 * i, 120, 60);
        memcpy(things.u, before.u, sizeof things.u);
        memcpy(things.v, before.v, sizeof things.v);
        reel_mix(&now, &before, &things, 0.5);
        reel_mix(&now, &now, &after, lit / 5.0);
        reel_show(&now, 0);
    }
    reel_expect(1, (uint64_t[]){0});
}

// Cuts every second or so, dissolves and fades between them.
Test(gradual, what_is_known_of_a_shot_stays_so_and_is_known_before_the_bound)
{
    static kt_shot_t seen[64];
    size_t           known = 0;
    uint64_t         shown = 0;
    for (int scene = 1; scene <= 12; scene++) {
        for (int i = 0; i < 30; i++) {
            reel_pan(scene, 1, 40 + i, 0, 120, 60);
            shown++;
            for (size_t s = 0; s < known; s++)
                cr_assert_eq(kt_shots_at(reel_shots, s)->index, seen[s].index, "shot %zu", s);
            for (; known < kt_shots_count(reel_shots); known++)
                seen[known] = *kt_shots_at(reel_shots, known);
        }
        if (scene % 3 == 0)
            continue;
        reel_paint(&before, scene, 70, 30, 120, 60);
        reel_paint(&after, scene + 1, 40, 30, 120, 60);
        if (scene % 3 == 1)
            reel_flat(&after, 16);
        show_mixtures(12);
        shown += 12;
    }
    kt_shots_close(reel_shots);
    for (size_t s = known; s < kt_shots_count(reel_shots); s++)
        cr_expect_gt(kt_shots_at(reel_shots, s)->begin_s, (double)shown / 25 - KT_SHOTS_DELAY_S);
    cr_expect_geq(kt_shots_count(reel_shots), 10, "%zu shots", kt_shots_count(reel_shots));
}

Test(gradual, changes_and_transitions_are_written)
{
    static const kt_job_t job      = {.message_id = "m", .file_path = "/f", .options = KT_OPTION_ALL};
    kt_document_t        *document = NULL;
    kt_buf_t              text;
    char                  why[KT_DOCUMENT_WHY], reason[KT_JSON_WHY];
    json_t               *message = NULL;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_pan(2, 40, 40, 0, 120, 60);
    reel_paint(&before, 2, 40, 30, 120, 60);
    reel_paint(&after, 3, 40, 30, 120, 60);
    show_mixtures(20);
    reel_pan(3, 40, 40, 0, 120, 60);
    kt_shots_close(reel_shots);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    kt_document_bool(document, KT_FEATURE_TECHNICAL_has_video, true);
    kt_shots_write(reel_shots, document);
    cr_assert_eq(kt_document_finish(document, &(kt_stamp_t){0}, &text, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(text.bytes, text.length, KT_DOCUMENT_MAX_BYTES, &message, reason), KT_OK);
    const json_t *visual  = kt_json_get(kt_json_get(message, "features"), "visual");
    const json_t *changes = kt_json_get(visual, "scene_changes"), *transitions = kt_json_get(visual, "transitions");
    double        cut = 0;
    cr_assert_eq(kt_json_count(changes), 2);
    cr_assert(kt_json_number(kt_json_at(changes, 0), &cut));
    cr_expect_float_eq(cut, 40.0 / 25, 1e-9);
    cr_assert_eq(kt_json_count(transitions), 1);
    cr_expect_str_eq(kt_json_str(kt_json_at(transitions, 0), "kind", ""), "dissolve");
    cr_expect_float_eq(kt_json_f64(kt_json_at(transitions, 0), "from", 0), 80.0 / 25, 0.17);
    cr_expect_float_eq(kt_json_f64(kt_json_at(transitions, 0), "to", 0), 100.0 / 25, 0.17);
    kt_json_free(&message);
    kt_buf_fini(&text);
    kt_document_destroy(&document);
}
