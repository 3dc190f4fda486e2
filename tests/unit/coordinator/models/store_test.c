// The coordinator's model folder: uploads, changes, the manifest, parts for nodes.
#include "coordinator/models/store.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static char                base[64], folder[96], why[KT_CATALOGUE_WHY];
static kt_settings_t       settings;
static kt_model_store_t   *store;
static uint8_t            *bytes;
static size_t              length;
static kt_digest_t         digest;
static kt_model_manifest_t manifest;

static void
set_up(void)
{
    ktm_text_t text = {
        .name = "tags", .version = "1.0.0", .outputs = "[{'name':'t','value':'y','classes':['a','b','c','d']}]"};
    snprintf(base, sizeof base, "/tmp/kithara-store-XXXXXX");
    cr_assert_not_null(mkdtemp(base));
    snprintf(folder, sizeof folder, "%s/models", base);
    settings.model_path = folder;
    cr_assert_eq(kt_model_store_new(&store, &settings), KT_OK);
    bytes = ktm_build(&text, &length);
    kt_digest_of(bytes, length, &digest);
}

static int
remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts, (void)type, (void)ftw;
    return remove(path);
}

static void
tear_down(void)
{
    kt_model_store_destroy(&store);
    free(bytes);
    nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(model_store, .init = set_up, .fini = tear_down);

static void
upload(void)
{
    uint64_t received = 0;
    for (size_t at = 0; at < length; at += 100) {
        size_t n = length - at < 100 ? length - at : 100;
        cr_assert_eq(kt_model_store_upload(store, &digest, at, (const char *)bytes + at, n, &received, why), KT_OK,
                     "%s", why);
        cr_assert_eq(received, at + n);
    }
}

static void
register_and_deploy(void)
{
    json_t *answer = NULL;
    upload();
    cr_assert_eq(kt_model_store_register(store, &digest, NULL, &answer, why), KT_OK, "%s", why);
    cr_assert_str_eq(kt_json_str(answer, "type", ""), "audio");
    kt_json_free(&answer);
    cr_assert_eq(kt_model_store_change(store, KT_MODEL_DEPLOY, "tags", "1.0.0", &answer, why), KT_OK, "%s", why);
    kt_json_free(&answer);
}

static kt_model_part_t *
part_of(const kt_digest_t *of, uint64_t offset)
{
    struct pollfd fd = {.fd = kt_model_store_fd(store), .events = POLLIN};
    cr_assert_eq(kt_model_store_fetch(store, 7, of, offset), KT_OK);
    cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1, "no part");
    kt_model_part_t *part = kt_model_store_part(store);
    cr_assert_not_null(part);
    cr_assert_eq(part->node, 7);
    cr_assert_eq(part->offset, offset);
    return part;
}

Test(model_store, an_empty_folder_has_no_catalogue_and_shows_the_five_names)
{
    uint64_t sequence = 0;
    bool     exists   = true;
    cr_assert(kt_model_store_manifest(store, &sequence, &exists, &manifest));
    cr_assert_not(exists);
    cr_assert_not(kt_model_store_manifest(store, &sequence, &exists, &manifest));
    json_t *view = kt_model_store_view(store);
    cr_assert_eq(kt_json_i64(view, "total_models", 0), 5);
    kt_json_free(&view);
}

Test(model_store, a_deployed_model_is_in_manifest_and_view)
{
    uint64_t sequence = 0;
    bool     exists   = false;
    register_and_deploy();
    cr_assert(kt_model_store_manifest(store, &sequence, &exists, &manifest));
    cr_assert(exists);
    cr_assert_eq(manifest.n, 1);
    cr_assert_eq(manifest.at[0].bytes, length);
    cr_assert_arr_eq(manifest.at[0].digest.bytes, digest.bytes, sizeof digest.bytes);
    cr_assert_eq(kt_model_store_loaded(store), 1);
    json_t       *view = kt_model_store_view(store);
    const json_t *row  = kt_json_at(kt_json_get(view, "models"), 0);
    cr_assert_str_eq(kt_json_str(row, "status", ""), "loaded");
    cr_assert_eq(kt_json_i64(row, "n_classes", 0), 4);
    kt_json_free(&view);
}

Test(model_store, parts_are_those_of_deployed_files)
{
    kt_digest_t other = {{1}};
    register_and_deploy();
    kt_model_part_t *part = part_of(&digest, 10);
    cr_assert_eq(part->err, KT_OK);
    cr_assert_eq(part->total, length);
    cr_assert_eq(part->length, length - 10);
    cr_assert_arr_eq(part->bytes, bytes + 10, length - 10);
    free(part);
    part = part_of(&digest, length);
    cr_assert_eq(part->err, KT_EINVAL);
    free(part);
    part = part_of(&digest, UINT64_MAX);
    cr_assert_eq(part->err, KT_EINVAL);
    free(part);
    part = part_of(&other, 0);
    cr_assert_eq(part->err, KT_ENOTFOUND);
    free(part);
}

Test(model_store, an_upload_continues_where_it_was_interrupted)
{
    uint64_t received = 0;
    json_t  *answer   = NULL;
    cr_assert_eq(kt_model_store_upload(store, &digest, 0, (const char *)bytes, 50, &received, why), KT_OK);
    cr_assert_eq(kt_model_store_upload(store, &digest, 60, (const char *)bytes, 50, &received, why), KT_EINVAL);
    cr_assert_not_null(strstr(why, "begins at 50"), "%s", why);
    cr_assert_eq(kt_model_store_register(store, &digest, NULL, &answer, why), KT_EMODEL);
    cr_assert_eq(kt_model_store_register(store, &digest, NULL, &answer, why), KT_ENOTFOUND);
    cr_assert_null(answer);
    upload();
    cr_assert_eq(kt_model_store_register(store, &digest, "video", &answer, why), KT_OK, "%s", why);
    cr_assert_str_eq(kt_json_str(answer, "type", ""), "video");
    kt_json_free(&answer);
}

Test(model_store, uploads_are_bounded)
{
    uint64_t received = 0;
    for (uint8_t i = 0; i < KT_MODEL_UPLOADS; i++) {
        kt_digest_t one = {{i, 1}};
        cr_assert_eq(kt_model_store_upload(store, &one, 0, "x", 1, &received, why), KT_OK, "%s", why);
    }
    cr_assert_eq(kt_model_store_upload(store, &digest, 0, "x", 1, &received, why), KT_EFULL);
    kt_digest_t one = {{0, 1}};
    cr_assert_eq(kt_model_store_upload(store, &one, 1, "x", KT_MODEL_UPLOAD_BYTES + 1, &received, why), KT_EFULL);
    cr_assert_eq(kt_model_store_upload(store, &one, UINT64_MAX - 1, "x", 2, &received, why), KT_EINVAL);
}

Test(model_store, a_file_that_is_lost_is_shown_and_not_offered)
{
    char     path[128];
    uint64_t sequence = 0;
    bool     exists   = false;
    register_and_deploy();
    snprintf(path, sizeof path, "%s/tags_v1.0.0.ktm", folder);
    unlink(path);
    kt_model_store_destroy(&store);
    cr_assert_eq(kt_model_store_new(&store, &settings), KT_OK);
    cr_assert(kt_model_store_manifest(store, &sequence, &exists, &manifest));
    cr_assert(exists);
    cr_assert_eq(manifest.n, 0);
    json_t       *view = kt_model_store_view(store);
    const json_t *row  = kt_json_at(kt_json_get(view, "models"), 0);
    cr_assert_str_eq(kt_json_str(row, "status", ""), "missing");
    cr_assert_str_eq(kt_json_str(row, "error", ""), "ENOFILE");
    kt_json_free(&view);
}
