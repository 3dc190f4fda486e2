#include "coordinator/access/keys.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CALLERS = 8 };

static char folder[] = "/tmp/kithara-keys-XXXXXX";

static void
make_folder(void)
{
    cr_assert(mkdtemp(folder));
}

static void
remove_folder(void)
{
    char        path[128];
    const char *files[] = {"keys/allowed", "keys/.lock", "keys", ""};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)remove(path);
    }
}

TestSuite(keys, .init = make_folder, .fini = remove_folder);

static void
write_file(const kt_keys_t *keys, const char *text)
{
    FILE *file = fopen(keys->path, "we");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

static void
new_key(char out[KT_CURVE_TEXT])
{
    kt_curve_t pair;
    cr_assert_eq(kt_curve_new(&pair), KT_OK);
    memcpy(out, pair.public_key, KT_CURVE_TEXT);
}

Test(keys, a_missing_file_is_made_and_empty)
{
    kt_keys_t keys;
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    cr_assert_eq(keys.n, 0);
    cr_assert_null(kt_keys_find(&keys, "0123456789012345678901234567890123456789"));
    cr_assert_eq(access(keys.path, R_OK), 0);
    kt_keys_fini(&keys);
}

Test(keys, names_comments_and_blank_lines_are_understood)
{
    char      a[KT_CURVE_TEXT], b[KT_CURVE_TEXT], text[512];
    bool      changed;
    kt_keys_t keys;
    new_key(a);
    new_key(b);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    snprintf(text, sizeof text, "# the nodes\n\n  %s\tgpu7  \r\n%s", a, b);
    write_file(&keys, text);
    cr_assert_eq(kt_keys_reload(&keys, false, &changed), KT_OK);
    cr_assert(changed);
    cr_assert_eq(keys.n, 2);
    cr_assert_str_eq(kt_keys_find(&keys, a)->name, "gpu7");
    cr_assert_str_eq(kt_keys_find(&keys, b)->name, "");
    kt_keys_fini(&keys);
}

Test(keys, a_bad_line_changes_nothing)
{
    char      a[KT_CURVE_TEXT];
    bool      changed;
    kt_keys_t keys;
    new_key(a);
    cr_assert_eq(kt_keys_allow(folder, a, "one"), KT_OK);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    write_file(&keys, "not a key at all\n");
    cr_assert_eq(kt_keys_reload(&keys, true, &changed), KT_EINVAL);
    cr_assert_not(changed);
    cr_assert_not_null(kt_keys_find(&keys, a));
    kt_keys_fini(&keys);
}

Test(keys, a_list_that_others_may_write_or_that_is_a_pipe_allows_nobody, .timeout = 20)
{
    char      a[KT_CURVE_TEXT], b[KT_CURVE_TEXT], line[128];
    bool      changed;
    kt_keys_t keys, none;
    new_key(a);
    new_key(b);
    cr_assert_eq(kt_keys_allow(folder, a, "one"), KT_OK);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    snprintf(line, sizeof line, "%s intruder\n", b);
    write_file(&keys, line);
    cr_assert_eq(chmod(keys.path, 0666), 0);
    cr_expect_eq(kt_keys_reload(&keys, true, &changed), KT_EACCESS);
    cr_expect(!changed && kt_keys_find(&keys, a) && !kt_keys_find(&keys, b));
    cr_expect_eq(kt_keys_init(&none, folder), KT_EACCESS);
    cr_expect_eq(none.n, 0);
    kt_keys_fini(&none);
    cr_assert_eq(unlink(keys.path) + mkfifo(keys.path, 0600), 0);
    cr_expect_eq(kt_keys_reload(&keys, true, &changed), KT_EACCESS);
    cr_expect(kt_keys_find(&keys, a), "what was allowed stays");
    kt_keys_fini(&keys);
}

Test(keys, an_unchanged_file_is_not_read_again)
{
    bool      changed = true;
    kt_keys_t keys;
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    cr_assert_eq(kt_keys_reload(&keys, false, &changed), KT_OK);
    cr_assert_not(changed);
    kt_keys_fini(&keys);
}

Test(keys, allowing_twice_writes_one_line)
{
    char      a[KT_CURVE_TEXT];
    kt_keys_t keys;
    new_key(a);
    cr_assert_eq(kt_keys_allow(folder, a, "one"), KT_OK);
    cr_assert_eq(kt_keys_allow(folder, a, "one"), KT_OK);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    cr_assert_eq(keys.n, 1);
    kt_keys_fini(&keys);
}

Test(keys, allowing_with_another_name_changes_the_name)
{
    char      a[KT_CURVE_TEXT], b[KT_CURVE_TEXT];
    kt_keys_t keys;
    new_key(a);
    new_key(b);
    cr_assert_eq(kt_keys_allow(folder, a, "one"), KT_OK);
    cr_assert_eq(kt_keys_allow(folder, b, "two"), KT_OK);
    cr_assert_eq(kt_keys_allow(folder, a, "three"), KT_OK);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    cr_assert_eq(keys.n, 2);
    cr_assert_str_eq(kt_keys_find(&keys, a)->name, "three");
    cr_assert_str_eq(kt_keys_find(&keys, b)->name, "two");
    kt_keys_fini(&keys);
}

Test(keys, bad_keys_and_names_are_refused)
{
    char a[KT_CURVE_TEXT];
    new_key(a);
    cr_assert_eq(kt_keys_allow(folder, "short", "one"), KT_EINVAL);
    cr_assert_eq(kt_keys_allow(folder, a, "two words"), KT_EINVAL);
    cr_assert_eq(kt_keys_allow(folder, a, "0123456789012345678901234567890123456789012345678901234567890123"),
                 KT_EINVAL);
}

static void *
allow_one(void *context)
{
    char name[16];
    char key[KT_CURVE_TEXT];
    snprintf(name, sizeof name, "node-%zu", (size_t)context);
    new_key(key);
    return kt_keys_allow(folder, key, name) ? context : NULL;
}

Test(keys, callers_at_once_lose_nothing)
{
    pthread_t threads[CALLERS];
    kt_keys_t keys;
    for (size_t i = 0; i < CALLERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, allow_one, (void *)(i + 1)), 0);
    for (size_t i = 0; i < CALLERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    cr_assert_eq(keys.n, CALLERS);
    kt_keys_fini(&keys);
}

Test(keys, a_revoked_key_is_removed_and_the_others_stay)
{
    const char *one = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", *two = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
    kt_keys_t   keys;
    char        text[512] = "";
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    write_file(&keys, "# ours\n");
    cr_assert_eq(kt_keys_allow(folder, one, "a"), KT_OK);
    cr_assert_eq(kt_keys_allow(folder, two, "b"), KT_OK);
    cr_assert_eq(kt_keys_revoke(folder, one), KT_OK);
    cr_assert_eq(kt_keys_revoke(folder, one), KT_ENOTFOUND);
    cr_assert_eq(kt_keys_revoke(folder, "short"), KT_EINVAL);
    FILE  *file   = fopen(keys.path, "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    cr_assert(length);
    fclose(file);
    cr_assert(strstr(text, "# ours\n") && strstr(text, two) && !strstr(text, one));
    kt_keys_fini(&keys);
}

Test(keys, the_ledgers_rows_overrule_the_file)
{
    char           a[KT_CURVE_TEXT], b[KT_CURVE_TEXT], c[KT_CURVE_TEXT];
    bool           changed;
    kt_keys_t      keys;
    kt_fleet_key_t rows[3] = {
        {.name = "gone", .revoked = true}, {.name = "new"}, {.kind = KT_KEY_JOIN, .expires_ms = 100}};
    new_key(a);
    new_key(b);
    new_key(c);
    memcpy(rows[0].key, a, sizeof a);
    memcpy(rows[1].key, b, sizeof b);
    memcpy(rows[2].key, c, sizeof c);
    cr_assert_eq(kt_keys_allow(folder, a, "gone"), KT_OK);
    cr_assert_eq(kt_keys_allow(folder, b, "old"), KT_OK);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    cr_assert_eq(kt_keys_overrule(&keys, rows, 3, 99, &changed), KT_OK);
    cr_assert(changed);
    cr_assert_null(kt_keys_find(&keys, a));
    cr_assert_str_eq(kt_keys_find(&keys, b)->name, "new");
    cr_assert(kt_keys_find(&keys, c)->join);
    cr_assert_eq(kt_keys_named(&keys, "new"), kt_keys_find(&keys, b));
    cr_assert_null(kt_keys_named(&keys, "old"));
    cr_assert_null(kt_keys_named(&keys, ""), "a token is no node");
    cr_assert_eq(kt_keys_overrule(&keys, rows, 3, 99, &changed), KT_OK);
    cr_assert_not(changed);
    cr_assert_eq(kt_keys_overrule(&keys, rows, 3, 100, &changed), KT_OK);
    cr_assert(changed && !kt_keys_find(&keys, c), "expired");
    kt_keys_fini(&keys);
}

Test(keys, a_line_may_have_hexadecimal_digits)
{
    char      a[KT_CURVE_TEXT], hex[KT_CURVE_HEX], text[256];
    bool      changed;
    kt_keys_t keys;
    new_key(a);
    kt_curve_hex(a, hex);
    cr_assert_eq(kt_keys_init(&keys, folder), KT_OK);
    snprintf(text, sizeof text, "%s gpu7\n", hex);
    write_file(&keys, text);
    cr_assert_eq(kt_keys_reload(&keys, true, &changed), KT_OK);
    cr_assert_str_eq(kt_keys_find(&keys, a)->name, "gpu7");
    cr_assert_eq(kt_keys_revoke(folder, a), KT_OK);
    cr_assert_eq(kt_keys_reload(&keys, true, &changed), KT_OK);
    cr_assert_eq(keys.n, 0);
    kt_keys_fini(&keys);
}
