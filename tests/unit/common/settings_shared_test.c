#include "common/settings_shared.h"

#include <criterion/criterion.h>
#include <string.h>

static char         *environment[] = {NULL};
static char          why[KT_SETTINGS_WHY];
static kt_settings_t ours, theirs;

static void
load_settings(void)
{
    cr_assert_eq(kt_settings_load(&ours, NULL, environment, why), KT_OK);
    cr_assert_eq(kt_settings_load(&theirs, NULL, environment, why), KT_OK);
}

static void
free_settings(void)
{
    kt_settings_fini(&ours);
    kt_settings_fini(&theirs);
}

TestSuite(settings_shared, .init = load_settings, .fini = free_settings);

// A setting that is missing here changes documents from node to node without an error.
Test(settings_shared, those_that_change_a_document_are_shared_in_the_order_of_the_wire)
{
    static const char *const names[] = {"ANALYZER_SAMPLE_RATE", "ANALYZER_HOP_LENGTH",       "ANALYZER_N_FFT",
                                        "ANALYZER_N_MFCC",      "ANALYZER_N_CHROMA",         "ANALYZER_MAX_DURATION",
                                        "ANALYZER_MIN_DECODED", "ANALYZER_MODEL_PATCHES",    "ANALYZER_VIDEO_PICTURES",
                                        "ANALYZER_VIDEO_MODE",  "ANALYZER_VIDEO_SCENE_MODEL"};
    cr_assert_eq((size_t)KT_SHARED_SETTINGS, sizeof names / sizeof *names);
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        cr_assert_str_eq(kt_shared_setting_name(i), names[i]);
}

Test(settings_shared, others_are_a_node_s_own)
{
    cr_assert(kt_settings_is_shared("ANALYZER_N_FFT"));
    cr_assert_not(kt_settings_is_shared("ANALYZER_WORKERS"));
    cr_assert_not(kt_settings_is_shared("ANALYZER_MEDIA_ROOTS"));
    cr_assert_not(kt_settings_is_shared(""));
    cr_assert_eq(kt_settings_set(&ours, "ANALYZER_WORKERS", "7", why), KT_OK);
    cr_assert(kt_settings_same_shared(&ours, &theirs));
}

Test(settings_shared, each_of_them_makes_a_difference)
{
    static const char *const values[KT_SHARED_SETTINGS] = {"44100", "256", "1024", "20",        "24", "60",
                                                           "50",    "4",   "9",    "keyframes", "on"};
    char                     text[KT_SHARED_TEXT];
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++) {
        cr_assert_eq(kt_settings_set(&theirs, kt_shared_setting_name(i), values[i], why), KT_OK, "%s", why);
        cr_assert_not(kt_settings_same_shared(&ours, &theirs), "%s", kt_shared_setting_name(i));
        cr_assert_eq(kt_settings_set(&ours, kt_shared_setting_name(i), values[i], why), KT_OK, "%s", why);
        cr_assert_str_eq(kt_shared_setting_text(&ours, i, text), values[i]);
        cr_assert(kt_settings_same_shared(&ours, &theirs));
    }
}

Test(settings_shared, a_choice_travels_in_the_spelling_of_the_table)
{
    char text[KT_SHARED_TEXT];
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        if (strcmp(kt_shared_setting_name(i), "ANALYZER_VIDEO_MODE") == 0) {
            cr_assert_eq(kt_settings_set(&ours, "ANALYZER_VIDEO_MODE", "SAMPLED", why), KT_OK, "%s", why);
            cr_assert_eq(kt_settings_set(&theirs, "ANALYZER_VIDEO_MODE", kt_shared_setting_text(&ours, i, text), why),
                         KT_OK, "%s", why);
            cr_assert_str_eq(theirs.video_mode, "sampled");
            cr_assert_eq(kt_settings_set(&theirs, "ANALYZER_VIDEO_MODE", "some", why), KT_ESETTING);
            return;
        }
    cr_assert_fail("ANALYZER_VIDEO_MODE is not shared");
}
