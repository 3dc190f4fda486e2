#include "models/catalogue/catalogue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY(rest) "models:\n  audio:\n    genre:\n      version: \"1.0.0\"\n      path: \"g.ktm\"\n" rest
#define VERSIONS(rest) "models:\n  audio:\n    genre:\n      versions:\n        - {" rest "}\n"

static const char SPECIFICATION[] = "# analyzer/config/models.yml\n"
                                    "models:\n"
                                    "  audio:\n"
                                    "    genre_classifier:\n"
                                    "      version: \"1.2.0\"\n"
                                    "      path: \"models/genre_classifier_v1.2.0.h5\"\n"
                                    "      input_shape: [128, 128, 1]\n"
                                    "      output_classes: 13\n"
                                    "    mood_detector:\n"
                                    "      version: \"1.1.0\"\n"
                                    "      path: \"models/mood_detector_v1.1.0.h5\"\n"
                                    "      input_shape: [128, 128, 1]\n"
                                    "      output_dimensions: 2  # valence, arousal\n"
                                    "  video:\n"
                                    "    scene_detector:\n"
                                    "      version: \"1.0.0\"\n"
                                    "      path: \"models/scene_detector_v1.0.0.h5\"\n"
                                    "      input_shape: [224, 224, 3]\n"
                                    "feature_extraction:\n"
                                    "  audio:\n"
                                    "    sample_rate: 22050\n"
                                    "    hop_length: 512\n"
                                    "    n_mfcc: 13\n"
                                    "    n_chroma: 12\n"
                                    "    n_fft: 2048\n"
                                    "  video:\n"
                                    "    frame_sample_rate: 1.0  # frames per second\n"
                                    "    max_frames: 300\n"
                                    "    resize_resolution: [224, 224]\n";

static kt_catalogue_t *
parsed(const char *text)
{
    kt_catalogue_t *catalogue = NULL;
    char            why[KT_CATALOGUE_WHY];
    cr_assert_eq(kt_catalogue_parse(&catalogue, text, strlen(text), why), KT_OK, "%s", why);
    return catalogue;
}

static void
assert_rejected(const char *text, const char *reason)
{
    kt_catalogue_t *catalogue = NULL;
    char            why[KT_CATALOGUE_WHY];
    cr_assert_eq(kt_catalogue_parse(&catalogue, text, strlen(text), why), KT_ECATALOGUE, "accepted: %s", text);
    cr_assert_null(catalogue);
    cr_assert_not_null(strstr(why, reason), "'%s' does not say '%s'", why, reason);
}

static void
assert_deployed(const kt_catalogue_t *catalogue, const char *name, const char *version)
{
    const kt_catalogue_version_t *deployed = kt_catalogue_deployed(kt_catalogue_find(catalogue, name));
    cr_assert_eq(deployed != NULL, version != NULL);
    if (version)
        cr_assert_str_eq(deployed->version, version);
}

static void
register_version(kt_catalogue_t *catalogue, const char *name, const char *version)
{
    char                   why[KT_CATALOGUE_WHY];
    kt_catalogue_version_t one = {.path = "x.ktm", .digest = {{1}}};
    snprintf(one.version, sizeof one.version, "%s", version);
    cr_assert_eq(kt_catalogue_register(catalogue, "audio", name, &one, why), KT_OK, "%s", why);
}

Test(catalogue, the_specifications_form_is_read)
{
    kt_catalogue_t *catalogue = parsed(SPECIFICATION);
    cr_assert_eq(kt_catalogue_count(catalogue), 3);
    const kt_catalogue_model_t *genre = kt_catalogue_find(catalogue, "genre_classifier");
    cr_assert_str_eq(genre->type, "audio");
    cr_assert_eq(genre->rank, 3);
    cr_assert_eq(genre->input_shape[1], 128);
    cr_assert_eq(genre->outputs, 13);
    cr_assert_str_eq(genre->versions[0].path, "models/genre_classifier_v1.2.0.h5");
    assert_deployed(catalogue, "genre_classifier", "1.2.0");
    cr_assert_eq(kt_catalogue_find(catalogue, "mood_detector")->outputs, 2);
    cr_assert_str_eq(kt_catalogue_find(catalogue, "scene_detector")->type, "video");
    cr_assert_null(kt_catalogue_find(catalogue, "nothing"));
    kt_catalogue_destroy(&catalogue);
}

Test(catalogue, empty_parts_are_no_models)
{
    static const char *const TEXTS[] = {"", "models:\n", "models: {}\n", "models:\n  audio:\n  video: {}\n",
                                        "feature_extraction:\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        kt_catalogue_t *catalogue = parsed(TEXTS[i]);
        cr_assert_eq(kt_catalogue_count(catalogue), 0);
        kt_catalogue_destroy(&catalogue);
    }
}

Test(catalogue, a_wrong_entry_is_rejected_with_its_line)
{
    static const struct {
        const char *text, *reason;
    } CASES[] = {
        {"model:\n  audio:\n", "line 1: unknown key 'model'"},
        {"models:\n  text:\n    x: {}\n", "line 2: unknown key 'text'"},
        {ENTRY("      colour: red\n"), "line 6: unknown key 'colour'"},
        {ENTRY("    genre:\n      version: \"1.0.0\"\n"), "line 6: 'genre' is there twice"},
        {ENTRY("  video:\n    genre: {version: \"1.0.0\", path: x}\n"), "line 7: 'genre' is there twice"},
        {"models:\n  audio:\n    Genre: {}\n", "line 3: 'Genre' is not a name"},
        {"models:\n  audio:\n    genre: {}\n", "line 3: 'genre' has no version"},
        {"models:\n  audio:\n    genre: {version: \"1.0.0\"}\n", "line 3: a version needs"},
        {"models:\n  audio:\n    genre: {path: x}\n", "line 3: a version needs"},
        {"models:\n  audio:\n    genre: {version: 1.2, path: x}\n", "line 3: version '1.2' is not"},
        {"models:\n  audio:\n    genre: {version: 1.2.3.4, path: x}\n", "is not MAJOR.MINOR.PATCH"},
        {"models:\n  audio:\n    genre: {version: 1.2.3, path: /etc/passwd}\n", "line 3: path '/etc/passwd'"},
        {"models:\n  audio:\n    genre: {version: 1.2.3, path: a/../../b}\n", "line 3: path"},
        {"models:\n  audio:\n    genre: {version: 1.2.3, path: ..}\n", "line 3: path"},
        {"models:\n  audio:\n    genre: {version: 1.2.3, path: a//b}\n", "line 3: path"},
        {"models:\n  audio:\n    genre: {version: 1.2.3, path: \"\"}\n", "line 3: path"},
        {ENTRY("      sha256: \"12\"\n"), "line 6: sha256 must"},
        {ENTRY("      output_classes: 0\n"), "line 6: 'output_classes' must be a whole number"},
        {ENTRY("      output_classes: many\n"), "line 6: 'output_classes' must be a whole number"},
        {ENTRY("      output_classes: 2\n      output_dimensions: 2\n"), "line 7: output_classes and"},
        {ENTRY("      input_shape: 5\n"), "line 6: 'input_shape' must be a list"},
        {ENTRY("      input_shape: []\n"), "line 6: 'input_shape' must have 1 to 6"},
        {ENTRY("      input_shape: [1, 2, 3, 4, 5, 6, 7]\n"), "line 6: 'input_shape' must have 1 to 6"},
        {ENTRY("      versions: [{version: 1.0.0, path: y}]\n"), "version 1.0.0 is there twice"},
        {VERSIONS("version: 1.0.0, path: y, status: deployed"), "line 5: status 'deployed' is not"},
        {VERSIONS("version: 1.0.0"), "line 5: a version needs"},
        {"feature_extraction:\n  audio:\n    sample_rat: 1\n", "line 3: unknown key 'sample_rat'"},
        {"feature_extraction:\n  audio:\n    n_fft: -5\n", "line 3: 'n_fft' must be"},
        {"feature_extraction:\n  video:\n    resize_resolution: [1]\n", "line 3: 'resize_resolution' must have"},
        {"- a\n", "line 1: 'the value' must be a map"},
        {"models:\n  audio: &a\n    x: *a\n", "line 2: anchors"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_rejected(CASES[i].text, CASES[i].reason);
}

Test(catalogue, every_text_cut_short_is_read_or_rejected)
{
    for (size_t length = 0; length < sizeof SPECIFICATION; length++) {
        kt_catalogue_t *catalogue = NULL;
        char            why[KT_CATALOGUE_WHY];
        kt_err_t        err = kt_catalogue_parse(&catalogue, SPECIFICATION, length, why);
        cr_assert(err == KT_OK || err == KT_ECATALOGUE, "%zu: %d", length, err);
        kt_catalogue_destroy(&catalogue);
    }
}

Test(catalogue, models_and_versions_are_bounded)
{
    char  *text = malloc(1 << 20);
    size_t used = (size_t)snprintf(text, 1 << 20, "models:\n  audio:\n");
    for (int i = 0; i <= KT_CATALOGUE_MODELS; i++)
        used += (size_t)snprintf(text + used, (1 << 20) - used, "    m%d: {version: 1.0.0, path: x}\n", i);
    assert_rejected(text, "line 259: more than 256 models");
    used = (size_t)snprintf(text, 1 << 20, "models:\n  audio:\n    m:\n      versions:\n");
    for (int i = 0; i <= KT_CATALOGUE_VERSIONS; i++)
        used += (size_t)snprintf(text + used, (1 << 20) - used, "        - {version: 1.0.%d, path: x}\n", i);
    assert_rejected(text, "line 69: more than 64 versions");
    free(text);
}

Test(catalogue, a_rollback_goes_back_one_deployment_after_the_other)
{
    kt_catalogue_t *catalogue = NULL;
    char            why[KT_CATALOGUE_WHY];
    cr_assert_eq(kt_catalogue_new(&catalogue), KT_OK);
    for (int i = 0; i < 3; i++) {
        char version[16];
        snprintf(version, sizeof version, "1.%d.0", i);
        register_version(catalogue, "genre", version);
        cr_assert_eq(kt_catalogue_deploy(catalogue, "genre", version, why), KT_OK, "%s", why);
    }
    register_version(catalogue, "genre", "2.0.0");  // never deployed: not what a rollback returns to
    assert_deployed(catalogue, "genre", "1.2.0");
    cr_assert_eq(kt_catalogue_rollback(catalogue, "genre", why), KT_OK);
    assert_deployed(catalogue, "genre", "1.1.0");
    cr_assert_eq(kt_catalogue_rollback(catalogue, "genre", why), KT_OK);
    assert_deployed(catalogue, "genre", "1.0.0");
    cr_assert_eq(kt_catalogue_rollback(catalogue, "genre", why), KT_EINVAL);
    cr_assert_not_null(strstr(why, "no earlier deployed version"));
    assert_deployed(catalogue, "genre", "1.0.0");
    kt_catalogue_destroy(&catalogue);
}

Test(catalogue, impossible_changes_say_why_and_change_nothing)
{
    kt_catalogue_t        *catalogue = NULL;
    char                   why[KT_CATALOGUE_WHY];
    kt_catalogue_version_t again = {.version = "1.0.0", .path = "x.ktm"};
    cr_assert_eq(kt_catalogue_new(&catalogue), KT_OK);
    register_version(catalogue, "genre", "1.0.0");
    register_version(catalogue, "genre", "1.1.0");
    cr_assert_eq(kt_catalogue_register(catalogue, "audio", "genre", &again, why), KT_EINVAL);
    snprintf(again.version, sizeof again.version, "1.2.0");
    cr_assert_eq(kt_catalogue_register(catalogue, "video", "genre", &again, why), KT_EINVAL);
    cr_assert_eq(kt_catalogue_register(catalogue, "audio", "../x", &again, why), KT_EINVAL);
    cr_assert_eq(kt_catalogue_deploy(catalogue, "mood", "1.0.0", why), KT_ENOTFOUND);
    cr_assert_eq(kt_catalogue_deploy(catalogue, "genre", "9.0.0", why), KT_ENOTFOUND);
    assert_deployed(catalogue, "genre", NULL);
    cr_assert_eq(kt_catalogue_deploy(catalogue, "genre", "1.0.0", why), KT_OK);
    cr_assert_eq(kt_catalogue_deploy(catalogue, "genre", "1.0.0", why), KT_EINVAL);
    cr_assert_eq(kt_catalogue_retire(catalogue, "genre", "1.0.0", why), KT_EINVAL);
    cr_assert_eq(kt_catalogue_retire(catalogue, "genre", "1.1.0", why), KT_OK);
    cr_assert_eq(kt_catalogue_deploy(catalogue, "genre", "1.1.0", why), KT_EINVAL);
    assert_deployed(catalogue, "genre", "1.0.0");
    kt_catalogue_destroy(&catalogue);
}

Test(catalogue, what_is_written_is_read_back)
{
    char            folder[] = "/tmp/kithara-catalogue-XXXXXX", why[KT_CATALOGUE_WHY], path[64];
    kt_catalogue_t *one = parsed(SPECIFICATION), *two = NULL;
    kt_digest_t     before, after;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/models.yml", folder);
    cr_assert_eq(kt_catalogue_read(&two, folder, why), KT_ENOFILE);
    for (int i = 0; i < 3; i++) {
        static const char *const VERSION[] = {"1.3.0", "1.4.0", "1.5.0"};
        register_version(one, "genre_classifier", VERSION[i]);
    }
    cr_assert_eq(kt_catalogue_deploy(one, "genre_classifier", "1.4.0", why), KT_OK);
    cr_assert_eq(kt_catalogue_retire(one, "genre_classifier", "1.3.0", why), KT_OK);
    register_version(one, "only_registered", "1.0.0");
    cr_assert_eq(kt_catalogue_write(one, folder), KT_OK);
    cr_assert_eq(kt_catalogue_read(&two, folder, why), KT_OK, "%s", why);
    kt_catalogue_digest(one, &before);
    kt_catalogue_digest(two, &after);
    cr_assert_arr_eq(before.bytes, after.bytes, sizeof before.bytes);
    cr_assert_eq(kt_catalogue_count(two), 4);
    for (size_t i = 0; i < 4; i++) {
        const kt_catalogue_model_t *b = kt_catalogue_at(two, i), *a = kt_catalogue_find(one, b->name);
        cr_assert_not_null(a);
        cr_assert_eq(memcmp(a, b, sizeof *a), 0, "%s", b->name);
    }
    cr_assert_eq(kt_catalogue_rollback(two, "genre_classifier", why), KT_OK);
    assert_deployed(two, "genre_classifier", "1.2.0");
    kt_catalogue_destroy(&one);
    kt_catalogue_destroy(&two);
    unlink(path);
    cr_assert_eq(rmdir(folder), 0);
}

Test(catalogue, the_digest_is_that_of_the_deployed_versions)
{
    kt_catalogue_t *a =
        parsed("models:\n  audio:\n    a: {version: 1.0.0, path: x}\n    b: {version: 1.0.0, path: y}\n");
    kt_catalogue_t *b =
        parsed("models:\n  audio:\n    b: {version: 1.0.0, path: y}\n    a: {version: 1.0.0, path: z}\n");
    kt_catalogue_t *none = parsed("models:\n  audio:\n    a:\n      versions: [{version: 1.0.0, path: x}]\n");
    kt_digest_t     of_a, of_b;
    kt_catalogue_digest(a, &of_a);
    kt_catalogue_digest(b, &of_b);
    cr_assert_arr_eq(of_a.bytes, of_b.bytes, sizeof of_a.bytes, "neither order nor paths count");
    register_version(a, "a", "1.1.0");
    kt_catalogue_digest(a, &of_b);
    cr_assert_arr_eq(of_a.bytes, of_b.bytes, sizeof of_a.bytes, "a registered version does not count");
    char why[KT_CATALOGUE_WHY];
    cr_assert_eq(kt_catalogue_deploy(a, "a", "1.1.0", why), KT_OK);
    kt_catalogue_digest(a, &of_b);
    cr_assert_arr_neq(of_a.bytes, of_b.bytes, sizeof of_a.bytes);
    kt_catalogue_digest(none, &of_a);
    cr_assert(kt_digest_is_zero(&of_a));
    kt_catalogue_digest(a, &of_a);
    kt_catalogue_sample(a, &(kt_sampling_t){0.5, 0});
    kt_catalogue_digest(a, &of_b);
    cr_assert_arr_neq(of_a.bytes, of_b.bytes, sizeof of_a.bytes, "another sampling gives other features");
    kt_catalogue_sample(none, &(kt_sampling_t){0, 9});
    kt_catalogue_digest(none, &of_b);
    cr_assert(!kt_digest_is_zero(&of_b));
    kt_catalogue_destroy(&a);
    kt_catalogue_destroy(&b);
    kt_catalogue_destroy(&none);
}

Test(catalogue, settings_that_differ_are_named)
{
    char            why[KT_CATALOGUE_WHY];
    char *const     none[] = {NULL};
    char            more[512];
    kt_settings_t   settings;
    kt_catalogue_t *catalogue = parsed(SPECIFICATION);
    cr_assert_eq(kt_settings_load(&settings, NULL, none, more), KT_OK);
    cr_assert_not(kt_catalogue_differs(catalogue, &settings, why));
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_HOP_LENGTH", "256", more), KT_OK);
    cr_assert(kt_catalogue_differs(catalogue, &settings, why));
    cr_assert_str_eq(why, "hop_length 512 but ANALYZER_HOP_LENGTH is 256");
    kt_catalogue_destroy(&catalogue);
    catalogue = parsed("models:\n  video:\n    faces: {version: 1.0.0, path: x, input_shape: [3, 480, 640]}\n"
                       "    texts: {version: 1.0.0, path: y, input_shape: [224, 320, 3]}\n"
                       "feature_extraction:\n  video: {resize_resolution: [320, 224]}\n");
    cr_assert(kt_catalogue_differs(catalogue, &settings, why));
    cr_assert_str_eq(why, "resize_resolution 320 x 224 but the pictures of faces are 640 x 480");
    kt_settings_fini(&settings);
    kt_catalogue_destroy(&catalogue);
}

Test(catalogue, a_folder_in_its_place_or_a_huge_file_is_rejected)
{
    char            folder[]  = "/tmp/kithara-catalogue-XXXXXX", why[KT_CATALOGUE_WHY], path[64];
    kt_catalogue_t *catalogue = NULL;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/models.yml", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(kt_catalogue_read(&catalogue, folder, why), KT_ECATALOGUE);
    rmdir(path);
    FILE *file = fopen(path, "we");
    cr_assert_eq(ftruncate(fileno(file), KT_CATALOGUE_BYTES + 1), 0);
    fclose(file);
    cr_assert_eq(kt_catalogue_read(&catalogue, folder, why), KT_ECATALOGUE);
    cr_assert_not_null(strstr(why, "larger than 1 MB"));
    unlink(path);
    rmdir(folder);
}
