// Which declared length is believed, which share was decoded, and the verdict: one row per case.
#include "node/run/completeness.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct row {
    const char *name;
    double      declared_s, sound_s, lost_s;  // sound_s: to its end, with what was lost
    const char *by;
    uint64_t    declared_bytes, bytes;
    bool        cut, unmarked;
    uint64_t    damaged;
    kt_belief_t belief;
    double      share;
    kt_err_t    err;
} row_t;

static const row_t ROWS[] = {
    {"a whole file", 30, 30, 0, "moov box", 1000, 1000, 0, 0, 0, KT_BELIEF_YES, 1, KT_OK},
    {"a whole file without a length", 0, 30, 0, "", 0, 1000, 0, 0, 0, KT_BELIEF_NONE, 1, KT_OK},
    {"rounded", 30.4, 30, 0, "header", 0, 1000, 0, 0, 0, KT_BELIEF_YES, 1, KT_OK},
    {"cut at a third", 30, 10, 0, "moov box", 1000, 333, 0, 0, 0, KT_BELIEF_YES, 1. / 3, KT_ETRUNCATED},
    {"cut at 95 %", 30, 28.5, 0, "moov box", 1000, 950, 0, 0, 0, KT_BELIEF_YES, .95, KT_OK},
    {"a FLAC cut within a frame", 30, 10, 0, "STREAMINFO", 0, 333, 1, 0, 0, KT_BELIEF_YES, 1. / 3, KT_ETRUNCATED},
    {"a FLAC total that is too large", 90, 30, 0, "STREAMINFO", 0, 1000, 0, 0, 0, KT_BELIEF_LONGER, 1, KT_OK},
    {"a FLAC total of 6", 1e-4, 30, 0, "STREAMINFO", 0, 1000, 0, 0, 0, KT_BELIEF_SHORTER, 1, KT_OK},
    {"a Xing count of 7", .18, 30, 0, "Xing header", 1000, 1000, 0, 0, 0, KT_BELIEF_SHORTER, 1, KT_OK},
    {"a Xing count that is too large", 900, 30, 0, "Xing header", 1000, 1000, 0, 0, 0, KT_BELIEF_LONGER, 1, KT_OK},
    {"FLV, whose end is not known", 30, 10, 0, "metadata", 0, 1000, 0, 0, 0, KT_BELIEF_YES, 1. / 3, KT_ETRUNCATED},
    {"a fifth is damaged", 30, 30, 6, "moov box", 1000, 1000, 0, 0, 9, KT_BELIEF_YES, .8, KT_EDAMAGED},
    {"a twentieth is damaged", 30, 30, 1.5, "moov box", 1000, 1000, 0, 0, 9, KT_BELIEF_YES, .95, KT_OK},
    {"missing inside of a whole AVI", 30, 20, 0, "stream header", 1000, 1000, 0, 0, 1, KT_BELIEF_YES, 2. / 3,
     KT_EDAMAGED},
    {"cut and damaged, more cut", 30, 10, 1, "moov box", 1000, 333, 0, 0, 9, KT_BELIEF_YES, .3, KT_ETRUNCATED},
    {"half an Ogg", 15, 15, 0, "time stamps", 0, 500, 0, 1, 0, KT_BELIEF_YES, 1, KT_OK},
    {"half an Ogg that lost a page", 15, 15, 3, "time stamps", 0, 500, 0, 1, 0, KT_BELIEF_YES, .8, KT_EDAMAGED},
    {"time stamps of joined files", 10, 30, 0, "time stamps", 0, 1000, 0, 0, 0, KT_BELIEF_YES, 1, KT_OK},
};

static kt_media_info_t   info;
static kt_media_counts_t counts;

static kt_technical_t
facts_of(const row_t *row)
{
    const double left_s = row->sound_s - row->lost_s;
    info = (kt_media_info_t){.duration_s = row->declared_s, .declared_bytes = row->declared_bytes, .has_audio = true};
    if (row->unmarked)
        (void)snprintf(info.end_missing, sizeof info.end_missing, "the last page is cut");
    counts = (kt_media_counts_t){.audio = {.packets    = 1000,
                                           .bytes      = 1000,
                                           .decoded    = (uint64_t)(44100 * left_s),
                                           .end_s      = row->sound_s,
                                           .lost_s     = row->lost_s,
                                           .lost_parts = row->lost_s > 0,
                                           .damaged    = row->damaged,
                                           .cut        = row->cut}};
    (void)snprintf(info.declared_by, sizeof info.declared_by, "%s", row->by);
    (void)snprintf(info.declared_end, sizeof info.declared_end, "mdat box");
    return (kt_technical_t){.info = &info, .counts = &counts, .size_bytes = (int64_t)row->bytes, .sound_wanted = true};
}

Test(completeness, each_case_has_its_belief_share_and_verdict)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const row_t         *row   = &ROWS[i];
        const kt_technical_t facts = facts_of(row);
        kt_completeness_t    judged;
        char                 detail[256] = "";
        kt_completeness_judge(&facts, &judged);
        cr_expect_eq(judged.belief, row->belief, "%s: belief %d", row->name, judged.belief);
        cr_expect_float_eq(judged.share, row->share, .005, "%s: share %g", row->name, judged.share);
        const kt_err_t err = kt_completeness_verdict(&facts, .9, detail, sizeof detail);
        cr_expect_eq(err, row->err, "%s: %s", row->name, kt_err_name(err));
        cr_expect_eq(*detail != '\0', err != KT_OK, "%s: %s", row->name, detail);
    }
}

Test(completeness, a_length_that_is_too_large_is_not_believed_only_where_packets_reach_the_end)
{
    const row_t          row   = {"", 30, 24, 0, "Segment information", 1000, 1000, 0, 0, 0, 0, 0, KT_OK};
    const kt_technical_t facts = facts_of(&row);
    kt_completeness_t    judged;
    char                 detail[256];
    counts.read_bytes = 950;
    kt_completeness_judge(&facts, &judged);
    cr_expect_eq(judged.belief, KT_BELIEF_LONGER);
    counts.read_bytes = 800;
    kt_completeness_judge(&facts, &judged);
    cr_expect(judged.belief == KT_BELIEF_YES && fabs(judged.share - .8) < 1e-9);
    cr_expect_eq(kt_completeness_verdict(&facts, .9, detail, sizeof detail), KT_ETRUNCATED);
}

Test(completeness, the_length_of_the_fragments_that_were_found_is_none_of_the_file)
{
    const row_t          row   = {"", 12, 10, 0, "fragments", 1000, 500, 0, 0, 0, 0, 0, KT_OK};
    const kt_technical_t facts = facts_of(&row);
    kt_completeness_t    judged;
    kt_completeness_judge(&facts, &judged);
    cr_expect(judged.belief == KT_BELIEF_NONE && judged.share == 1 && judged.cut);
    info.broken_at = 300;  // junk behind a whole file
    kt_completeness_judge(&facts, &judged);
    cr_expect_eq(judged.share, 1);
    info.broken_hides = true;
    kt_completeness_judge(&facts, &judged);
    cr_expect_float_eq(judged.share, .6, 1e-9);
}

Test(completeness, where_reading_was_given_up_the_rest_of_the_file_is_missing)
{
    const row_t          row   = {"", 0, 10, 0, "", 0, 1000, 0, 0, 0, 0, 0, KT_OK};
    const kt_technical_t facts = facts_of(&row);
    kt_completeness_t    judged;
    counts.broken_off = true;
    counts.read_bytes = 500;
    kt_completeness_judge(&facts, &judged);
    cr_expect_float_eq(judged.share, .5, 1e-9);
    info.duration_s = 10;  // all that is declared was read: it is junk
    kt_completeness_judge(&facts, &judged);
    cr_expect_eq(judged.share, 1);
}

Test(completeness, a_stream_is_exempt)
{
    kt_technical_t facts = facts_of(&ROWS[3]);
    char           detail[256];
    facts.size_bytes = -1;
    cr_expect_eq(kt_completeness_verdict(&facts, .9, detail, sizeof detail), KT_OK);
}

Test(completeness, the_setting_is_the_limit)
{
    const kt_technical_t facts = facts_of(&ROWS[3]);
    char                 detail[256];
    cr_expect_eq(kt_completeness_verdict(&facts, .3, detail, sizeof detail), KT_OK);
    cr_expect_eq(kt_completeness_verdict(&facts, 0, detail, sizeof detail), KT_OK);
    cr_expect_eq(kt_completeness_verdict(&facts, 1, detail, sizeof detail), KT_ETRUNCATED);
}

Test(completeness, of_a_film_the_worse_stream_counts)
{
    kt_technical_t    facts = facts_of(&ROWS[0]);
    kt_completeness_t judged;
    info.has_video        = true;
    facts.pictures_wanted = true;
    counts.video          = (kt_stream_counts_t){.packets = 750, .decoded = 600, .damaged = 150, .end_s = 30};
    kt_completeness_judge(&facts, &judged);
    cr_expect_float_eq(judged.share, .8, 1e-9);
    counts.video = (kt_stream_counts_t){.packets = 750, .damaged = 750, .end_s = 30};
    kt_completeness_judge(&facts, &judged);
    cr_expect_eq(judged.share, 0);
    counts.video.unsupported = true;  // that is another matter
    kt_completeness_judge(&facts, &judged);
    cr_expect_eq(judged.share, 1);
    facts.pictures_wanted    = false;
    counts.video.unsupported = false;
    kt_completeness_judge(&facts, &judged);
    cr_expect_eq(judged.share, 1);
}

Test(completeness, nothing_decoded_is_no_share)
{
    kt_technical_t    facts = facts_of(&ROWS[0]);
    kt_completeness_t judged;
    char              detail[256];
    counts.audio = (kt_stream_counts_t){0};
    kt_completeness_judge(&facts, &judged);
    cr_expect(isnan(judged.share));
    cr_expect_eq(kt_completeness_verdict(&facts, .9, detail, sizeof detail), KT_OK);
}
