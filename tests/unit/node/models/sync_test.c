// A node's model set and a coordinator that the test plays.
#include "models/catalogue/registry.h"
#include "node/models/sync.h"
#include "tests/unit/node/models/model_source.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char             base[64], own[96], cache[96];
static kt_model_sync_t *sync_;
static model_source_t   one, two;

static void
open_sync(void)
{
    kt_model_sync_opts_t opts = {.own = own, .cache = cache};
    cr_assert_eq(kt_model_sync_new(&sync_, &opts), KT_OK);
}

static void
set_up(void)
{
    sync_folder_make(base);
    snprintf(own, sizeof own, "%s/own", base);
    snprintf(cache, sizeof cache, "%s/state/models/n", base);
    model_source_add(&one, "tags", "1.0.0");
    model_source_add(&two, "tags", "1.1.0");
    model_source_add(&two, "mood", "1.0.0");
    open_sync();
}

static void
tear_down(void)
{
    kt_model_sync_destroy(&sync_);
    model_source_fini(&one);
    model_source_fini(&two);
    sync_folder_remove(base);
}

TestSuite(model_sync, .init = set_up, .fini = tear_down);

static void
use(model_source_t *source)
{
    kt_msg_t msg = model_source_models(source);
    kt_model_sync_models(sync_, &msg.models);
    sync_feed(sync_, source);
}

static void
assert_uses(const model_source_t *source)
{
    kt_digest_t     digest;
    kt_model_set_t *set = kt_model_sync_set(sync_);
    cr_assert_eq(kt_model_sync_digest(sync_, &digest), source != NULL);
    cr_assert_eq(kt_model_set_count(set), source ? source->n : 0);
    for (size_t i = 0; source && i < source->n; i++) {
        const kt_model_entry_t *entry = kt_model_set_find(set, source->at[i].name);
        cr_assert_not_null(entry->model, "%s", entry->why);
        cr_assert_str_eq(entry->version, source->at[i].version);
    }
    if (source)
        cr_assert_arr_eq(digest.bytes, source->digest.bytes, sizeof digest.bytes);
    kt_model_set_release(&set);
}

static bool
has_file(const kt_digest_t *digest)
{
    char path[256], hex[KT_DIGEST_HEX];
    snprintf(path, sizeof path, "%s/%s.ktm", cache, kt_digest_hex(digest, hex));
    return access(path, F_OK) == 0;
}

Test(model_sync, files_are_fetched_in_parts_and_then_used_together)
{
    assert_uses(NULL);
    two.part_bytes = 100;
    use(&two);
    assert_uses(&two);
}

Test(model_sync, the_old_set_is_used_until_the_new_one_is_complete_and_lives_as_long_as_it_is_held)
{
    kt_model_want_t want;
    use(&one);
    kt_model_set_t *before = kt_model_sync_set(sync_);
    kt_msg_t        msg    = model_source_models(&two);
    kt_model_sync_models(sync_, &msg.models);
    cr_assert(sync_wants(sync_, &want));
    assert_uses(&one);
    msg = model_source_part(&two, &want);
    kt_model_sync_part(sync_, &msg.part);
    sync_feed(sync_, &two);
    assert_uses(&two);
    cr_assert_str_eq(kt_model_set_find(before, "tags")->version, "1.0.0");
    cr_assert_not_null(kt_model_file(kt_model_set_find(before, "tags")->model));
    kt_model_set_release(&before);
}

Test(model_sync, files_that_are_there_are_not_fetched_again)
{
    kt_model_want_t want;
    use(&one);
    use(&two);
    kt_msg_t msg = model_source_models(&one);  // a rollback: the set before is kept
    kt_model_sync_models(sync_, &msg.models);
    cr_assert_not(sync_wants(sync_, &want));
    assert_uses(&one);
    cr_assert(has_file(&two.at[0].digest));
    kt_model_sync_destroy(&sync_);
    open_sync();
    assert_uses(&one);
}

Test(model_sync, a_set_that_is_neither_the_present_nor_the_one_before_is_deleted)
{
    model_source_t three = {.n = 0};
    model_source_add(&three, "tags", "3.0.0");
    use(&one);
    use(&two);
    use(&three);
    cr_assert_not(has_file(&one.at[0].digest));
    cr_assert(has_file(&two.at[0].digest));
    cr_assert(has_file(&three.at[0].digest));
    model_source_fini(&three);
}

Test(model_sync, bytes_with_another_digest_are_not_used)
{
    use(&one);
    two.at[0].bytes[two.at[0].length - 1] ^= 1;
    two.at[1].bytes[two.at[1].length - 1] ^= 1;
    use(&two);
    assert_uses(&one);
    two.at[0].bytes[two.at[0].length - 1] ^= 1;
    two.at[1].bytes[two.at[1].length - 1] ^= 1;
    use(&two);  // MODELS comes again after a reconnection
    assert_uses(&two);
}

Test(model_sync, a_coordinator_that_lies_about_sizes_or_lists_is_not_believed)
{
    use(&one);
    kt_model_want_t want;
    kt_msg_t        msg = model_source_models(&two);
    two.items[0].bytes -= 1;
    kt_model_sync_models(sync_, &msg.models);
    sync_feed(sync_, &two);
    assert_uses(&one);
    msg                = model_source_models(&two);
    two.items[0].bytes = UINT64_MAX;  // these lists are dropped
    kt_model_sync_models(sync_, &msg.models);
    msg                   = model_source_models(&two);
    two.items[0].digest.n = 5;
    kt_model_sync_models(sync_, &msg.models);
    msg               = model_source_models(&two);
    two.items[0].name = kt_bytes_of("../../tags");
    kt_model_sync_models(sync_, &msg.models);
    sync_feed(sync_, &two);  // fetched, and then not a name
    assert_uses(&one);
    msg                  = model_source_models(&two);
    msg.models.digest.at = (const char *)one.digest.bytes;  // not the digest of this list
    kt_model_sync_models(sync_, &msg.models);
    cr_assert_not(sync_wants(sync_, &want));
    assert_uses(&one);
}

Test(model_sync, the_sampling_of_films_is_the_coordinators)
{
    use(&one);
    model_source_sample(&one, 0.25, 77);
    use(&one);
    assert_uses(&one);
    kt_model_set_t     *set      = kt_model_sync_set(sync_);
    const kt_sampling_t sampling = kt_model_set_sampling(set);
    cr_expect(sampling.hz == 0.25 && sampling.most == 77);
    kt_model_set_release(&set);
    kt_msg_t msg         = model_source_models(&two);
    msg.models.sample_hz = -1;  // this list is dropped
    kt_model_sync_models(sync_, &msg.models);
    assert_uses(&one);
}

Test(model_sync, parts_that_were_not_asked_for_are_dropped)
{
    kt_model_want_t want;
    kt_msg_t        msg = model_source_models(&one);
    one.part_bytes      = 64;
    kt_model_sync_models(sync_, &msg.models);
    cr_assert(sync_wants(sync_, &want));
    kt_model_want_t other = {want.digest, 128};
    msg                   = model_source_part(&one, &other);
    kt_model_sync_part(sync_, &msg.part);
    for (int i = 0; i < 2; i++) {  // the second one is late
        msg = model_source_part(&one, &want);
        kt_model_sync_part(sync_, &msg.part);
    }
    cr_assert(sync_wants(sync_, &want));
    cr_assert_eq(want.offset, 64);
    msg = model_source_part(&one, &want);
    kt_model_sync_part(sync_, &msg.part);
    sync_feed(sync_, &one);
    assert_uses(&one);
}

// Registers and deploys the models of a source in the node's own folder.
static void
install(const model_source_t *source)
{
    char            path[128], why[KT_CATALOGUE_WHY];
    kt_registered_t done;
    snprintf(path, sizeof path, "%s/upload", base);
    for (size_t i = 0; i < source->n; i++) {
        FILE *file = fopen(path, "we");
        fwrite(source->at[i].bytes, 1, source->at[i].length, file);
        fclose(file);
        cr_assert_eq(kt_registry_register(own, path, NULL, &done, why), KT_OK, "%s", why);
        cr_assert_eq(kt_registry_deploy(own, done.name, done.version, why), KT_OK, "%s", why);
    }
}

Test(model_sync, a_folder_that_holds_the_coordinators_set_is_used_in_place)
{
    kt_model_want_t want;
    kt_msg_t        msg = model_source_models(&two);
    install(&two);
    kt_model_sync_models(sync_, &msg.models);
    cr_assert_not(sync_wants(sync_, &want));
    assert_uses(&two);
    cr_assert_neq(access(cache, F_OK), 0);
}

Test(model_sync, without_a_catalogue_the_nodes_own_folder_is_used)
{
    kt_model_want_t want;
    kt_msg_t        none = {.type = KT_MSG_MODELS};
    use(&two);
    install(&one);
    kt_model_sync_models(sync_, &none.models);
    cr_assert_not(sync_wants(sync_, &want));
    kt_model_set_t *set = kt_model_sync_set(sync_);
    cr_assert_str_eq(kt_model_set_find(set, "tags")->version, "1.0.0");
    kt_model_set_release(&set);
}

Test(model_sync, a_cache_that_cannot_be_made_leaves_the_set_as_it_is)
{
    char path[96];
    snprintf(path, sizeof path, "%s/state", base);
    FILE *file = fopen(path, "we");  // in place of the folder
    fclose(file);
    use(&one);
    assert_uses(NULL);
}
