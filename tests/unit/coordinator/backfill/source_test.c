// The source that makes pages of a walk or of a list; turns; the rate.
#include "coordinator/backfill/source.h"
#include "coordinator/backfill/step.h"
#include "tests/unit/coordinator/ledger/backfill_fixture.h"
#include "tests/unit/media_tree.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(backfill_source, .init = mt_make, .fini = mt_remove);

static const char *chunks[] = {"/m/1\n\n/m/2\r\nrelative\n", NULL, "https://h/x\n/m/1"};
static const char  nul[]    = "/m/a\nb\0/m/\xff\0file:///m/%ff\0file://host/m\0";

static kt_err_t
give_chunk(void *context, uint64_t chunk, char **bytes, size_t *length)
{
    (void)context;
    if (chunk > 2)
        return KT_ENOTFOUND;
    *length = chunk == 1 ? sizeof nul - 1 : strlen(chunks[chunk]);
    *bytes  = malloc(*length + 1);
    memcpy(*bytes, chunk == 1 ? nul : chunks[chunk], *length);
    return KT_OK;
}

Test(backfill_source, a_list_is_read_chunk_by_chunk_with_reasons_for_what_is_refused)
{
    static const struct {
        const char *path;
        kt_err_t    err;
    } WANT[] = {
        {"/m/1", KT_OK},          {"/m/2", KT_OK},          {"relative", KT_EROOT},           {"/m/a\nb", KT_OK},
        {"file:///m/%FF", KT_OK}, {"file:///m/%FF", KT_OK}, {"file:file://host/m", KT_ENAME}, {"https://h/x", KT_OK},
        {"/m/1", KT_OK}};
    kt_backfill_t         b      = {.id = 4, .kind = KT_BACKFILL_LIST, .chunks = 3};
    kt_backfill_source_t *source = NULL;
    kt_backfill_page_t    page;
    kt_backfill_path_t   *paths = NULL;
    char                  why[KT_SOURCE_WHY];
    cr_assert_eq(kt_backfill_source_new(&source, &b, "", give_chunk, NULL, why), KT_OK);
    cr_assert_eq(kt_backfill_source_page(source, &page, &paths), KT_OK);
    cr_assert(page.last && !page.distinct && page.n == sizeof WANT / sizeof *WANT && page.chunk == 3);
    for (size_t i = 0; i < page.n; i++) {
        cr_assert_str_eq(paths[i].path, WANT[i].path);
        cr_assert_eq(paths[i].err, WANT[i].err);
    }
    kt_backfill_source_destroy(&source);
    b.chunk = 2;
    strcpy(b.cursor, "12");
    cr_assert_eq(kt_backfill_source_new(&source, &b, "", give_chunk, NULL, why), KT_OK);
    cr_assert_eq(kt_backfill_source_page(source, &page, &paths), KT_OK);
    cr_assert(page.n == 1 && !strcmp(paths[0].path, "/m/1"), "it goes on within a chunk");
    kt_backfill_source_destroy(&source);
}

Test(backfill_source, a_folder_source_has_absolute_paths_and_digests)
{
    kt_backfill_t         b      = {.id = 4, .kind = KT_BACKFILL_FOLDER};
    kt_backfill_source_t *source = NULL;
    kt_backfill_page_t    page;
    kt_backfill_path_t   *paths = NULL;
    kt_digest_t           digest;
    char                  why[KT_SOURCE_WHY], want[600];
    snprintf(b.source, sizeof b.source, "%s", mt_root);
    cr_assert_eq(kt_backfill_source_new(&source, &b, "/elsewhere:/etc", NULL, NULL, why), KT_EROOT);
    cr_assert_not_null(strstr(why, "ANALYZER_MEDIA_ROOTS"));
    cr_assert_eq(kt_backfill_source_new(&source, &b, mt_root, NULL, NULL, why), KT_OK, "%s", why);
    cr_assert_eq(kt_backfill_source_page(source, &page, &paths), KT_OK);
    cr_assert(page.last && page.distinct && page.n == 14 && kt_left_out_total(&page.left_out) == 3);
    snprintf(want, sizeof want, "%s/.folder/x.mp3", mt_root);
    cr_assert_str_eq(paths[0].path, want);
    snprintf(want, sizeof want, "file://%s/bad%%FF.mp3", mt_root);
    cr_assert_str_eq(paths[9].path, want);
    cr_assert_eq(paths[9].err, KT_OK);
    kt_backfill_source_digest(source, &paths[0]);
    kt_digest_of("x", 1, &digest);
    cr_assert_eq(memcmp(&paths[0].digest, &digest, sizeof digest), 0);
    kt_backfill_source_destroy(&source);
    kt_backfill_source_destroy(&source);
}

Test(backfill_turn, the_window_bounds_what_is_open_and_turns_go_round)
{
    char ledger_folder[FIXTURE_PATH];
    fixture_folder(ledger_folder);
    kt_ledger_t        *ledger = fixture_sqlite(ledger_folder);
    kt_lease_t          lease  = fixture_lease(ledger, "one");
    kt_backfill_step_t *turn   = NULL;
    kt_backfill_t       one = backfill_folder(ledger, "t1"), two = backfill_folder(ledger, "t2");
    size_t              fed = 0;
    cr_assert_eq(kt_backfill_step_new(&turn), KT_OK);
    cr_assert_eq(kt_backfill_step_run(turn, ledger, &lease), KT_OK);
    cr_assert_eq(kt_backfill_step_live(turn), 2);
    cr_assert_eq(kt_backfill_step_to_list(turn)->id, one.id, "the oldest is listed first");
    for (uint64_t i = 0; i < 60; i++)
        cr_assert_eq(backfill_page(ledger, &lease, one.id, 1 + 100 * i, 100, 77, i == 59), KT_OK);
    cr_assert_eq(backfill_page(ledger, &lease, two.id, 1, 3, 77, false), KT_OK);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(kt_backfill_step_run(turn, ledger, &lease), KT_OK);
        fed += kt_backfill_step_fed(turn);
        cr_assert_eq(kt_backfill_step_to_list(turn)->id, two.id);
    }
    one = backfill_now(ledger, one.id);
    cr_assert_eq(kt_backfill_open(&one), KT_BACKFILL_WINDOW);
    cr_assert_eq(fed, KT_BACKFILL_WINDOW + 3, "both were fed");
    cr_assert(!kt_backfill_step_again(turn));
    kt_job_row_t row = fixture_row(ledger, 4);
    cr_assert_str_eq(row.message_id, "backfill-1-1");  // the other had its turn first
    cr_assert_str_eq(row.file_path, "/m/1");
    cr_assert_eq(row.priority, KT_PRIORITY_LOW);
    cr_assert_eq(ledger->ops->backfill->control(ledger, two.id, KT_BACKFILL_CANCEL, 0, 0), KT_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(kt_backfill_step_run(turn, ledger, &lease), KT_OK);
    cr_assert_null(kt_backfill_step_to_list(turn));
    cr_assert_eq(backfill_now(ledger, two.id).cancelled, 3);
    fixture_audit_clean(ledger);
    kt_backfill_step_destroy(&turn);
    kt_ledger_close(&ledger);
    fixture_remove(ledger_folder);
}

Test(backfill_turn, a_ledger_without_backfills_has_nothing_to_do)
{
    kt_ledger_ops_t     bare   = {.name = "bare"};
    kt_ledger_t         ledger = {.ops = &bare};
    kt_lease_t          lease  = {.epoch = 1};
    kt_backfill_step_t *turn   = NULL;
    cr_assert_eq(kt_backfill_step_new(&turn), KT_OK);
    cr_assert_eq(kt_backfill_step_run(turn, &ledger, &lease), KT_OK);
    cr_assert(!kt_backfill_step_live(turn) && !kt_backfill_step_to_list(turn));
    kt_backfill_step_destroy(&turn);
}

Test(backfill_rate, it_counts_over_two_moments_and_ends_with_the_backfill)
{
    kt_backfill_t b = {0};
    kt_backfill_note_rate(&b, 1000);
    b.done = 100;
    cr_assert_float_eq(kt_backfill_rate(&b, 2000), 100, 0.01);
    kt_backfill_note_rate(&b, 5000);
    cr_assert_eq(b.rate_ms[0], 0, "within ten seconds nothing is noted");
    kt_backfill_note_rate(&b, 11000);
    b.done = 300;
    cr_assert_float_eq(kt_backfill_rate(&b, 21000), 15, 0.01);
    b.ended_ms = 16000;
    cr_assert_float_eq(kt_backfill_rate(&b, 99000), 20, 0.01);
}
