// Which coordinator's models are used, when files are asked for, and that a batch has one set.
#include "common/clock.h"
#include "node/link/models.h"
#include "tests/unit/node/models/model_source.h"
#include "uplink_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 10000 };

static char           base[64], own[96], cache[96];
static model_source_t one, two;

static void
set_up(void)
{
    kt_model_sync_opts_t opts = {.own = own, .cache = cache};
    sync_folder_make(base);
    snprintf(own, sizeof own, "%s/own", base);
    snprintf(cache, sizeof cache, "%s/cache", base);
    model_source_add(&one, "tags", "1.0.0");
    model_source_add(&two, "tags", "1.1.0");
    cr_assert_eq(kt_model_sync_new(&fixture.models, &opts), KT_OK);
    uplink_setup();
}

static void
tear_down(void)
{
    uplink_teardown();
    kt_model_sync_destroy(&fixture.models);
    model_source_fini(&one);
    model_source_fini(&two);
    sync_folder_remove(base);
}

TestSuite(link_models, .init = set_up, .fini = tear_down);

static void
welcome(size_t side, model_source_t *source)
{
    kt_msg_t msg = {.type    = KT_MSG_WELCOME,
                    .welcome = {.wire = 1, .epoch = 1, .coordinator = kt_bytes_of(side ? "d" : "c")}};
    if (source)
        msg.welcome.models = (kt_bytes_t){(const char *)source->digest.bytes, sizeof source->digest.bytes};
    uplink_receive(side, &msg);
    if (source) {
        msg = model_source_models(source);
        uplink_receive(side, &msg);
    }
}

// Answers every FETCH until the set is used.
static void
serve(size_t side, const model_source_t *source)
{
    struct pollfd fd = {.fd = kt_model_sync_fd(fixture.models), .events = POLLIN};
    for (;;) {
        kt_model_want_t want;
        uplink_clear_sent();
        cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1, "no news");
        kt_uplink_models(fixture.uplink);
        if (!uplink_count(side, KT_MSG_FETCH))
            return;
        const kt_msg_fetch_t *fetch = &uplink_last(side, KT_MSG_FETCH)->fetch;
        memcpy(want.digest.bytes, fetch->digest.at, sizeof want.digest.bytes);
        want.offset  = fetch->offset;
        kt_msg_t msg = model_source_part(source, &want);
        uplink_receive(side, &msg);
    }
}

static uint64_t
free_of_last_beat(size_t side)
{
    return uplink_last(side, KT_MSG_BEAT)->beat.free;
}

Test(link_models, files_are_asked_for_when_the_first_set_is_complete)
{
    welcome(0, &one);
    cr_assert_eq(free_of_last_beat(0), 0);
    serve(0, &one);
    cr_assert_gt(free_of_last_beat(0), 0);
    const kt_msg_beat_t *beat = &uplink_last(0, KT_MSG_BEAT)->beat;
    cr_assert_eq(beat->models.n, KT_DIGEST_BYTES);
    cr_assert_arr_eq(beat->models.at, one.digest.bytes, KT_DIGEST_BYTES);
}

Test(link_models, files_are_asked_for_without_a_set_when_no_part_comes)
{
    welcome(0, &one);
    kt_uplink_models_tick(fixture.uplink, kt_clock_ms() + 29000);
    cr_assert_eq(free_of_last_beat(0), 0);
    kt_uplink_models_tick(fixture.uplink, kt_clock_ms() + 31000);
    cr_assert_gt(free_of_last_beat(0), 0);
}

Test(link_models, a_coordinator_without_a_catalogue_is_not_waited_for)
{
    welcome(0, NULL);
    cr_assert_gt(free_of_last_beat(0), 0);
}

Test(link_models, all_files_of_a_batch_have_the_set_of_its_arrival)
{
    kt_wire_work_t works[2] = {{.job = 1, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/a\"}")},
                               {.job = 2, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/b\"}")}};
    kt_msg_t       msg      = {.type = KT_MSG_BATCH, .batch = {.number = 1, .items = {works, 2}}};
    welcome(0, &one);
    serve(0, &one);
    uplink_receive(0, &msg);
    kt_task_t *first = uplink_take();
    uplink_start(first);
    kt_msg_t models = model_source_models(&two);  // arrives between the two files
    uplink_receive(0, &models);
    serve(0, &two);
    kt_task_t *second = uplink_take();
    cr_assert_eq(first->models, second->models);
    cr_assert_str_eq(kt_model_set_find(second->models, "tags")->version, "1.0.0");
    uplink_batch(0, 3, 1);
    kt_task_t *third = uplink_take();
    cr_assert_str_eq(kt_model_set_find(third->models, "tags")->version, "1.1.0");
    uplink_finish(first, "{}");
    cr_assert_null(first->models, "an outcome holds no models");
    uplink_finish(second, "{}");
    uplink_finish(third, "{}");
}

Test(link_models, the_first_connected_coordinator_with_a_catalogue_decides)
{
    kt_digest_t digest;
    welcome(1, &two);
    serve(1, &two);
    cr_assert(kt_model_sync_digest(fixture.models, &digest));
    cr_assert_arr_eq(digest.bytes, two.digest.bytes, sizeof digest.bytes);
    welcome(0, &one);
    serve(0, &one);
    cr_assert(kt_model_sync_digest(fixture.models, &digest));
    cr_assert_arr_eq(digest.bytes, one.digest.bytes, sizeof digest.bytes);
    kt_uplink_state(fixture.uplink, 0, KT_DEALER_DOWN);
    serve(1, &two);
    cr_assert(kt_model_sync_digest(fixture.models, &digest));
    cr_assert_arr_eq(digest.bytes, two.digest.bytes, sizeof digest.bytes);
}

Test(link_models, fetch_is_repeated_until_its_part_arrives)
{
    kt_model_want_t want;
    welcome(0, &one);
    cr_assert(sync_wants(fixture.models, &want));
    uplink_clear_sent();
    int64_t now_ms = kt_clock_ms();
    kt_uplink_models_tick(fixture.uplink, now_ms + 5000);
    cr_assert_eq(uplink_count(0, KT_MSG_FETCH), 1);
    cr_assert_eq(uplink_last(0, KT_MSG_FETCH)->fetch.digest.n, KT_DIGEST_BYTES);
}
