#include "coordinator/access/credential.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char              folder[] = "/tmp/kithara-credential-XXXXXX", keys[64];
static kt_curve_t        pair, other;
static kt_credentials_t  self;
static uint8_t           node[KT_CURVE_BYTES] = {1, 2, 3}, other_node[KT_CURVE_BYTES] = {1, 2, 4};
static kt_credential_t   given;
static const kt_run_id_t RUN = {7, 2};

static void
set_up(void)
{
    cr_assert(mkdtemp(folder));
    snprintf(keys, sizeof keys, "%s/keys", folder);
    cr_assert_eq(mkdir(keys, 0700), 0);
    cr_assert_eq(kt_curve_new(&pair), KT_OK);
    cr_assert_eq(kt_curve_new(&other), KT_OK);
    cr_assert_eq(kt_credentials_init(&self, &pair), KT_OK);
    kt_credential_sign(&self, RUN, 5, node, &given);
}

static void
write_secret(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", keys, name);
    FILE *file = fopen(path, "we");
    cr_assert(file);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    fprintf(file, "%s\n", text);
    fclose(file);
}

static void
tear_down(void)
{
    static const char *const NAMES[] = {"coordinator.secret", "coordinator-old.secret", "node.secret",
                                        "coordinator.public"};
    char                     path[128];
    for (size_t i = 0; i < 12; i++) {
        if (i < sizeof NAMES / sizeof *NAMES)
            snprintf(path, sizeof path, "%s/%s", keys, NAMES[i]);
        else
            snprintf(path, sizeof path, "%s/coordinator-%zu.secret", keys, i);
        unlink(path);
    }
    rmdir(keys);
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(credential, .init = set_up, .fini = tear_down);

static bool
known(const kt_credentials_t *by)
{
    return kt_credential_check(by, RUN, 5, node, given.bytes, sizeof given.bytes);
}

Test(credential, is_of_one_job_run_attempt_and_node)
{
    cr_assert(known(&self));
    cr_assert_not(kt_credential_check(&self, (kt_run_id_t){8, 2}, 5, node, given.bytes, sizeof given.bytes));
    cr_assert_not(kt_credential_check(&self, (kt_run_id_t){7, 3}, 5, node, given.bytes, sizeof given.bytes));
    cr_assert_not(kt_credential_check(&self, RUN, 6, node, given.bytes, sizeof given.bytes));
    cr_assert_not(kt_credential_check(&self, RUN, 5, other_node, given.bytes, sizeof given.bytes));
}

Test(credential, a_changed_or_shortened_one_is_none)
{
    for (size_t i = 0; i < sizeof given.bytes; i++) {
        given.bytes[i] ^= 1;
        cr_assert_not(known(&self));
        given.bytes[i] ^= 1;
        cr_assert_not(kt_credential_check(&self, RUN, 5, node, given.bytes, i));
    }
    cr_assert_not(kt_credential_check(&self, RUN, 5, node, NULL, 0));
}

Test(credential, one_that_was_given_is_of_that_attempt_and_node)
{
    kt_credential_t none = {0}, copy = given;
    cr_assert(kt_credential_is(&given, 5, node, copy.bytes, sizeof copy.bytes));
    cr_assert_not(kt_credential_is(&given, 6, node, copy.bytes, sizeof copy.bytes));
    cr_assert_not(kt_credential_is(&given, 5, other_node, copy.bytes, sizeof copy.bytes));
    cr_assert_not(kt_credential_is(&given, 5, node, copy.bytes, sizeof copy.bytes - 1));
    cr_assert_not(kt_credential_is(&given, 5, node, NULL, 0));
    cr_assert_not(kt_credential_is(&none, 0, none.node_key, none.bytes, sizeof none.bytes));
    for (size_t i = 0; i < sizeof copy.bytes; i++) {
        copy.bytes[i] ^= 1;
        cr_assert_not(kt_credential_is(&given, 5, node, copy.bytes, sizeof copy.bytes));
        copy.bytes[i] ^= 1;
    }
}

Test(credential, every_process_with_the_pair_knows_it_and_no_other)
{
    kt_credentials_t same, foreign;
    cr_assert_eq(kt_credentials_init(&same, &pair), KT_OK);
    cr_assert_eq(kt_credentials_init(&foreign, &other), KT_OK);
    cr_assert(known(&same));
    cr_assert_not(known(&foreign));
}

Test(credential, the_pair_before_a_rotation_is_accepted_and_the_new_one_signs)
{
    kt_credentials_t rotated;
    kt_credential_t  by_new;
    char             why[KT_CREDENTIALS_WHY];
    write_secret("coordinator.secret", other.secret_key);
    write_secret("coordinator-old.secret", pair.secret_key);
    write_secret("coordinator.public", other.public_key);
    cr_assert_eq(kt_credentials_init(&rotated, &other), KT_OK);
    cr_assert_eq(kt_credentials_load(&rotated, folder, why), KT_OK, "%s", why);
    cr_assert_eq(rotated.n, 2);
    cr_assert(known(&rotated));
    kt_credential_sign(&rotated, RUN, 5, node, &by_new);
    cr_assert_neq(memcmp(by_new.bytes, given.bytes, sizeof by_new.bytes), 0);
    cr_assert(kt_credential_check(&rotated, RUN, 5, node, by_new.bytes, sizeof by_new.bytes));
}

Test(credential, the_secret_of_a_node_in_the_same_folder_is_not_accepted)
{
    kt_credentials_t by;
    char             why[KT_CREDENTIALS_WHY];
    write_secret("coordinator.secret", other.secret_key);
    write_secret("node.secret", pair.secret_key);
    cr_assert_eq(kt_credentials_init(&by, &other), KT_OK);
    cr_assert_eq(kt_credentials_load(&by, folder, why), KT_OK);
    cr_assert_not(known(&by));
}

Test(credential, files_that_are_no_secrets_or_too_many_are_named)
{
    kt_credentials_t by;
    char             why[KT_CREDENTIALS_WHY], name[32];
    write_secret("coordinator-old.secret", "nonsense");
    cr_assert_eq(kt_credentials_init(&by, &other), KT_OK);
    cr_assert_eq(kt_credentials_load(&by, folder, why), KT_EINVAL);
    cr_assert(strstr(why, "coordinator-old.secret"), "%s", why);
    write_secret("coordinator-old.secret", pair.secret_key);
    for (size_t i = 4; i < 12; i++) {
        snprintf(name, sizeof name, "coordinator-%zu.secret", i);
        write_secret(name, pair.secret_key);
    }
    cr_assert_eq(kt_credentials_init(&by, &other), KT_OK);
    cr_assert_eq(kt_credentials_load(&by, folder, why), KT_EFULL);
}
