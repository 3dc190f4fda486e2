// Sets of deployed models on a real folder: what is wrong with one entry concerns that entry.
#include "models/catalogue/model_set.h"
#include "models/catalogue/registry.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], why[KT_CATALOGUE_WHY];

static int
remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts, (void)type, (void)ftw;
    return remove(path);
}

static void
open_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/kithara-set-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void
remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(model_set, .init = open_folder, .fini = remove_folder);

static void
write_text(const char *name, const void *bytes, size_t length)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

// x [N, 4] -> y [N, 4]; four classes.
static void
write_model(const char *path, const char *name, const char *version)
{
    ktm_text_t text   = {.name    = name,
                         .version = version,
                         .outputs = "[{'name':'tags','value':'y','per':'block','reduce':'mean',"
                                      "'classes':['a','b','c','d']}]"};
    size_t     length = 0;
    uint8_t   *bytes  = ktm_build(&text, &length);
    write_text(path, bytes, length);
    free(bytes);
}

static void
write_catalogue(const char *text)
{
    write_text("models.yml", text, strlen(text));
}

static kt_model_set_t *
opened(void)
{
    kt_model_set_t *set = NULL;
    cr_assert_eq(kt_model_set_open(&set, folder, NULL, why), KT_OK, "%s", why);
    return set;
}

static void
assert_left_out(const kt_model_set_t *set, const char *name, kt_err_t err, const char *reason)
{
    const kt_model_entry_t *entry = kt_model_set_find(set, name);
    cr_assert_not_null(entry, "%s", name);
    cr_assert_null(entry->model, "%s", name);
    cr_assert_eq(entry->err, err, "%s: %s: %s", name, kt_err_name(entry->err), entry->why);
    cr_assert_not_null(strstr(entry->why, reason), "%s: '%s' does not say '%s'", name, entry->why, reason);
}

Test(model_set, a_folder_without_a_catalogue_is_an_empty_set)
{
    kt_model_set_t *set = opened();
    cr_assert_eq(kt_model_set_count(set), 0);
    cr_assert(kt_digest_is_zero(kt_model_set_digest(set)));
    cr_assert(kt_model_set_sampling(set).hz == KT_SAMPLE_HZ && kt_model_set_sampling(set).most == KT_SAMPLE_MAX);
    kt_model_set_release(&set);
    write_catalogue("feature_extraction:\n  video: {frame_sample_rate: 0.5}\n");
    set = opened();
    cr_assert(kt_model_set_sampling(set).hz == 0.5 && kt_model_set_sampling(set).most == KT_SAMPLE_MAX);
    cr_assert(!kt_digest_is_zero(kt_model_set_digest(set)));
    kt_model_set_release(&set);
    write_catalogue("surprise: 1\n");
    cr_assert_eq(kt_model_set_open(&set, folder, NULL, why), KT_ECATALOGUE);
    cr_assert_not_null(strstr(why, "line 1"), "%s", why);
}

Test(model_set, a_wrong_entry_is_left_out_and_the_others_work)
{
    write_model("good.ktm", "good", "1.0.0");
    write_model("other.ktm", "other", "1.0.0");
    write_text("text.ktm", "not a model", 11);
    write_catalogue("models:\n"
                    "  audio:\n"
                    "    good: {version: 1.0.0, path: good.ktm, input_shape: [4], output_classes: 4}\n"
                    "    missing: {version: 1.0.0, path: missing.ktm}\n"
                    "    text: {version: 1.0.0, path: text.ktm}\n"
                    "    name: {version: 1.0.0, path: other.ktm}\n"
                    "    old:\n"
                    "      versions: [{version: 1.0.0, path: other.ktm}]\n"
                    "    other:\n"
                    "      version: 2.0.0\n"
                    "      path: other.ktm\n"
                    "  video:\n"
                    "    digest:\n"
                    "      version: 1.0.0\n"
                    "      path: good.ktm\n"
                    "      sha256: \"0000000000000000000000000000000000000000000000000000000000000001\"\n");
    kt_model_set_t *set = opened();
    cr_assert_eq(kt_model_set_count(set), 6, "a model without a deployed version is not in the set");
    cr_assert_not_null(kt_model_set_find(set, "good")->model, "%s", kt_model_set_find(set, "good")->why);
    cr_assert_null(kt_model_set_find(set, "old"));
    assert_left_out(set, "missing", KT_ENOFILE, "missing.ktm");
    assert_left_out(set, "text", KT_EMODEL, "");
    assert_left_out(set, "name", KT_ECATALOGUE, "states name 1.0.0, the file holds other 1.0.0");
    assert_left_out(set, "other", KT_ECATALOGUE, "states other 2.0.0, the file holds other 1.0.0");
    assert_left_out(set, "digest", KT_EMODEL, "SHA-256");
    kt_model_set_release(&set);
}

Test(model_set, shapes_and_classes_that_do_not_fit_are_left_out)
{
    static const struct {
        const char *entry, *reason;
    } CASES[] = {
        {"output_classes: 5", "5 output classes, the file has 4"},
        {"output_dimensions: 3", "3 output classes, the file has 4"},
        {"input_shape: [5]", "input_shape"},
        {"input_shape: [4, 1]", "input_shape"},
    };
    write_model("good.ktm", "good", "1.0.0");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[256];
        snprintf(text, sizeof text, "models:\n  audio:\n    good: {version: 1.0.0, path: good.ktm, %s}\n",
                 CASES[i].entry);
        write_catalogue(text);
        kt_model_set_t *set = opened();
        assert_left_out(set, "good", KT_ECATALOGUE, CASES[i].reason);
        kt_model_set_release(&set);
    }
}

static void
deploy(const char *name, const char *version)
{
    char            path[PATH_MAX];
    kt_registered_t done;
    write_model("upload", name, version);
    snprintf(path, sizeof path, "%s/upload", folder);
    cr_assert_eq(kt_registry_register(folder, path, NULL, &done, why), KT_OK, "%s", why);
    cr_assert_eq(kt_registry_deploy(folder, name, version, why), KT_OK, "%s", why);
}

Test(model_set, a_refresh_gives_a_new_set_that_shares_what_has_not_changed)
{
    bool               changed;
    kt_model_folder_t *models = NULL;
    deploy("a", "1.0.0");
    deploy("b", "1.0.0");
    cr_assert_eq(kt_model_folder_open(&models, folder, NULL, why), KT_OK, "%s", why);
    cr_assert_eq(kt_model_folder_refresh(models, &changed, why), KT_OK);
    cr_assert_not(changed);
    kt_model_set_t *before = kt_model_folder_set(models);
    deploy("b", "1.1.0");
    cr_assert_eq(kt_model_folder_refresh(models, &changed, why), KT_OK, "%s", why);
    cr_assert(changed);
    kt_model_set_t *after = kt_model_folder_set(models);
    cr_assert_eq(kt_model_set_find(before, "a")->model, kt_model_set_find(after, "a")->model);
    cr_assert_neq(kt_model_set_find(before, "b")->model, kt_model_set_find(after, "b")->model);
    cr_assert_str_eq(kt_model_set_find(before, "b")->version, "1.0.0");
    cr_assert_str_eq(kt_model_set_find(after, "b")->version, "1.1.0");
    kt_model_set_release(&before);
    cr_assert_not_null(kt_model_file(kt_model_set_find(after, "a")->model));
    kt_model_folder_close(&models);
    kt_model_set_release(&after);
}

Test(model_set, a_refresh_keeps_the_old_set_where_the_new_one_would_lose_a_model)
{
    bool               changed;
    char               path[PATH_MAX];
    kt_model_folder_t *models = NULL;
    deploy("a", "1.0.0");
    cr_assert_eq(kt_model_folder_open(&models, folder, NULL, why), KT_OK, "%s", why);
    deploy("a", "1.1.0");
    snprintf(path, sizeof path, "%s/a_v1.1.0.ktm", folder);
    unlink(path);
    cr_assert_eq(kt_model_folder_refresh(models, &changed, why), KT_EMODEL);
    cr_assert_not_null(strstr(why, "a 1.1.0: ENOFILE"), "%s", why);
    write_catalogue("models:\n  audio:\n    a: {}\n");
    cr_assert_eq(kt_model_folder_refresh(models, &changed, why), KT_ECATALOGUE);
    kt_model_set_t *set = kt_model_folder_set(models);
    cr_assert_str_eq(kt_model_set_find(set, "a")->version, "1.0.0");
    cr_assert_not_null(kt_model_set_find(set, "a")->model);
    kt_model_set_release(&set);
    snprintf(path, sizeof path, "%s/models.yml", folder);
    unlink(path);
    deploy("a", "2.0.0");
    cr_assert_eq(kt_model_folder_refresh(models, &changed, why), KT_OK, "%s", why);
    cr_assert(changed);
    kt_model_folder_close(&models);
}
