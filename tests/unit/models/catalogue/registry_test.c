// The registry on a real folder with small model files.
#include "models/catalogue/registry.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX], upload[PATH_MAX], why[KT_CATALOGUE_WHY];

static int
remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts, (void)type, (void)ftw;
    return remove(path);
}

static void
open_folder(void)
{
    char base[] = "/tmp/kithara-registry-XXXXXX";
    cr_assert_not_null(mkdtemp(base));
    snprintf(folder, sizeof folder, "%s/models", base);  // does not exist yet
    snprintf(upload, sizeof upload, "%s/upload.ktm", base);
}

static void
remove_folder(void)
{
    *strrchr(upload, '/') = '\0';
    nftw(upload, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(registry, .init = open_folder, .fini = remove_folder);

static void
write_text(const ktm_text_t *text)
{
    size_t   length = 0;
    uint8_t *bytes  = ktm_build(text, &length);
    FILE    *file   = fopen(upload, "we");
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
    free(bytes);
}

// classes: "'a','b'"; the graph has as many outputs as inputs.
static void
write_upload(const char *name, const char *version, const char *classes)
{
    char       outputs[256];
    ktm_text_t text = {.name = name, .version = version, .outputs = outputs};
    snprintf(outputs, sizeof outputs, "[{'name':'tags','value':'y','per':'block','reduce':'mean','classes':[%s]}]",
             classes);
    write_text(&text);
}

static kt_err_t
register_upload(void)
{
    kt_registered_t done;
    return kt_registry_register(folder, upload, NULL, &done, why);
}

static void
register_version(const char *name, const char *version)
{
    write_upload(name, version, "'a','b','c','d'");
    cr_assert_eq(register_upload(), KT_OK, "%s", why);
}

static void
assert_deployed(const char *name, const char *version)
{
    kt_catalogue_t *catalogue = NULL;
    cr_assert_eq(kt_catalogue_read(&catalogue, folder, why), KT_OK, "%s", why);
    const kt_catalogue_version_t *deployed = kt_catalogue_deployed(kt_catalogue_find(catalogue, name));
    cr_assert_eq(deployed != NULL, version != NULL);
    if (version)
        cr_assert_str_eq(deployed->version, version);
    kt_catalogue_destroy(&catalogue);
}

static void
damage(const char *name, long at)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+e");
    cr_assert_not_null(file, "%s", path);
    fseek(file, at, SEEK_SET);
    fputc(0x55, file);
    fclose(file);
}

Test(registry, a_registered_version_is_deployed_and_rolled_back)
{
    char version[32];
    register_version("tags", "1.0.0");
    assert_deployed("tags", NULL);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.0.0", why), KT_OK, "%s", why);
    register_version("tags", "1.1.0");
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.1.0", why), KT_OK, "%s", why);
    assert_deployed("tags", "1.1.0");
    cr_assert_eq(kt_registry_retire(folder, "tags", "1.1.0", why), KT_EINVAL);
    cr_assert_eq(kt_registry_rollback(folder, "tags", version, why), KT_OK, "%s", why);
    cr_assert_str_eq(version, "1.0.0");
    assert_deployed("tags", "1.0.0");
    cr_assert_eq(kt_registry_retire(folder, "tags", "1.1.0", why), KT_OK, "%s", why);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.1.0", why), KT_EINVAL);
}

Test(registry, a_version_is_registered_once)
{
    register_version("tags", "1.0.0");
    cr_assert_eq(register_upload(), KT_EINVAL);
    cr_assert_not_null(strstr(why, "registered already"), "%s", why);
}

Test(registry, a_bad_file_is_refused_and_leaves_nothing)
{
    FILE *file = fopen(upload, "we");
    fputs("not a model", file);
    fclose(file);
    cr_assert_eq(register_upload(), KT_EMODEL);
    cr_assert(*why);
    unlink(upload);
    cr_assert_eq(register_upload(), KT_ENOFILE);
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/models.yml", folder);
    cr_assert_neq(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/models.new", folder);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(registry, names_of_the_specification_expect_their_number_of_classes)
{
    write_upload("mood_detector", "1.0.0", "'a','b','c','d'");
    cr_assert_eq(register_upload(), KT_ECATALOGUE);
    cr_assert_not_null(strstr(why, "2 output classes, the file has 4"), "%s", why);
}

Test(registry, outputs_of_one_value_each_count_together)
{
    const ktm_text_t text = {
        .name    = "mood_detector",
        .graph   = "{'inputs':[{'name':'x','shape':['N',2]}],'nodes':["
                   "{'op':'slice','in':['x'],'out':['v'],'end':1},{'op':'slice','in':['x'],'out':['a'],'begin':1}],"
                   "'outputs':['v','a']}",
        .outputs = "[{'name':'valence','value':'v','per':'block','reduce':'mean','feature':'mood.valence'},"
                   "{'name':'arousal','value':'a','per':'block','reduce':'mean','feature':'mood.arousal'}]",
    };
    write_text(&text);
    cr_assert_eq(register_upload(), KT_OK, "%s", why);
}

Test(registry, a_file_that_was_changed_or_lost_is_not_deployed)
{
    register_version("tags", "1.0.0");
    register_version("tags", "1.1.0");
    register_version("tags", "1.2.0");
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.0.0", why), KT_OK);
    damage("tags_v1.1.0.ktm", 40);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.1.0", why), KT_EMODEL);
    cr_assert_not_null(strstr(why, "SHA-256"), "%s", why);
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/tags_v1.2.0.ktm", folder);
    unlink(path);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.2.0", why), KT_ENOFILE);
    assert_deployed("tags", "1.0.0");
}

Test(registry, an_invalid_catalogue_is_not_overwritten)
{
    char path[PATH_MAX + 64];
    register_version("tags", "1.0.0");
    snprintf(path, sizeof path, "%s/models.yml", folder);
    FILE *file = fopen(path, "ae");
    fputs("    tags: {}\n", file);
    fclose(file);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.0.0", why), KT_ECATALOGUE);
    cr_assert_not_null(strstr(why, "models.yml line"), "%s", why);
}

Test(registry, two_programs_do_not_change_a_folder_at_once)
{
    char path[PATH_MAX + 64];
    register_version("tags", "1.0.0");
    snprintf(path, sizeof path, "%s/models.lock", folder);
    FILE *lock = fopen(path, "re");
    cr_assert_eq(flock(fileno(lock), LOCK_EX), 0);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.0.0", why), KT_EAGAIN);
    fclose(lock);
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.0.0", why), KT_OK);
}

// A child deploys one version after the other and registers more until it is killed.
static void
change_forever(void)
{
    char version[32];
    for (int i = 0;; i++) {
        (void)!kt_registry_deploy(folder, "tags", i % 2 ? "1.0.0" : "1.1.0", why);
        snprintf(version, sizeof version, "2.0.%d", i % 40);
        write_upload("tags", version, "'a','b','c','d'");
        (void)!register_upload();
    }
}

Test(registry, a_kill_at_any_moment_leaves_a_valid_folder, .timeout = 60)
{
    register_version("tags", "1.0.0");
    register_version("tags", "1.1.0");
    cr_assert_eq(kt_registry_deploy(folder, "tags", "1.0.0", why), KT_OK);
    for (int round = 0; round < 30; round++) {
        pid_t child = fork();
        if (!child) {
            change_forever();
            _exit(0);
        }
        usleep((useconds_t)(500 + 1337 * round % 20000));  // when the kill comes; nothing waits for it
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        kt_catalogue_t *catalogue = NULL;
        kt_verified_t  *verified  = NULL;
        cr_assert_eq(kt_catalogue_read(&catalogue, folder, why), KT_OK, "%s", why);
        cr_assert_eq(kt_verified_open(&verified, folder), KT_OK);
        const kt_catalogue_model_t *model = kt_catalogue_find(catalogue, "tags");
        cr_assert_not_null(kt_catalogue_deployed(model));
        for (size_t i = 0; i < model->n_versions; i++) {  // every version that is listed is there, whole
            kt_digest_t digest;
            cr_assert_eq(kt_registry_check(folder, verified, model, &model->versions[i], &digest, NULL, why), KT_OK,
                         "%s", why);
        }
        kt_verified_close(&verified);
        kt_catalogue_destroy(&catalogue);
    }
    cr_assert_eq(kt_registry_rollback(folder, "tags", (char[32]){0}, why), KT_OK, "%s", why);
}
