// Names as text: what is UTF-8 stays, anything else is escaped, no two names have one text. Media roots of any name.
#include "common/paths.h"
#include "common/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
expect_text(const char *path, const char *text)
{
    char shown[256], back[256];
    cr_expect(kt_path_show(path, shown, sizeof shown));
    cr_expect_str_eq(shown, text);
    cr_expect_eq(kt_path_read(shown, back, sizeof back), KT_OK);
    cr_expect_str_eq(back, path);
}

Test(path_text, a_path_in_utf8_is_its_own_text)
{
    expect_text("/music/\u00fc 100% %FF?#\n.mp3", "/music/\u00fc 100% %FF?#\n.mp3");
    expect_text("a\\b.mp3", "a\\b.mp3");
    expect_text("/music/file:/x.mp3", "/music/file:/x.mp3");
}

Test(path_text, other_bytes_are_escaped_and_nothing_else_but_percent)
{
    expect_text("/music/x\xff.mp3", "file:///music/x%FF.mp3");
    expect_text("/music/100% \u00fc\xfc.mp3", "file:///music/100%25 \u00fc%FC.mp3");
    expect_text("x\xc3.mp3", "file:x%C3.mp3");
    expect_text("\xed\xa0\x80", "file:%ED%A0%80");  // half of a surrogate pair
    expect_text("\xe2\x82", "file:%E2%82");
}

Test(path_text, a_path_that_looks_like_an_escaped_one_is_escaped_too)
{
    expect_text("file:x%FF.mp3", "file:file:x%25FF.mp3");
    expect_text("FILE:///a", "file:FILE:///a");
}

Test(path_text, uris_of_other_programs_are_read)
{
    char out[64];
    cr_expect_eq(kt_path_read("file://localhost/a%20b.mp3", out, sizeof out), KT_OK);
    cr_expect_str_eq(out, "/a b.mp3");
    cr_expect_eq(kt_path_read("file:/a.mp3", out, sizeof out), KT_OK);
    cr_expect_str_eq(out, "/a.mp3");
    static const char *const bad[] = {"file://host/a", "file:///a%",    "file:///a%0",
                                      "file:///a%gg",  "file:///a%00b", "file:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(kt_path_read(bad[i], out, sizeof out), KT_ENAME, "%s", bad[i]);
}

Test(path_text, what_does_not_fit_is_refused)
{
    char out[16];
    cr_expect_not(kt_path_show("/0123456789abcde", out, sizeof out));
    cr_expect(kt_path_show("/0123456789abcd", out, sizeof out));
    cr_expect_not(kt_path_show("/12345\xff", out, sizeof out));
    cr_expect(kt_path_show("/1234\xff", out, sizeof out));
    cr_expect_eq(kt_path_read("/0123456789abcde", out, sizeof out), KT_EINVAL);
    cr_expect_eq(kt_path_read("file:///0123456789abcde", out, sizeof out), KT_EINVAL);
}

Test(path_text, random_names_come_back)
{
    char path[64], shown[256], back[64];
    for (unsigned seed = 0; seed < 20000; seed++) {
        srand(seed);
        size_t n = 1 + (size_t)rand() % 20;
        for (size_t i = 0; i < n; i++)
            path[i] = (char)(1 + rand() % 255);
        path[n] = '\0';
        cr_assert(kt_path_show(path, shown, sizeof shown));
        cr_assert(kt_text_is_utf8(shown, strlen(shown)));
        cr_assert_eq(kt_path_read(shown, back, sizeof back), KT_OK);
        cr_assert_str_eq(back, path);
    }
}

static void
expect_roots(const char *list, const char *const *want, size_t n)
{
    char        root[KT_ROOT_BYTES];
    const char *at = list;
    for (size_t i = 0; i < n; i++) {
        cr_assert(kt_roots_next(&at, root), "%s: root %zu", list, i);
        cr_expect_str_eq(root, want[i]);
    }
    cr_expect_not(kt_roots_next(&at, root));
}

#define EXPECT(list, ...)                                                                                              \
    expect_roots(list, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(roots, they_are_separated_by_colons_and_lose_slashes_at_the_end)
{
    EXPECT("/a:/b/", "/a", "/b");
    EXPECT(":/a::/:", "/a", "/");
    expect_roots("", NULL, 0);
}

Test(roots, a_backslash_escapes_a_colon_itself_and_bytes)
{
    EXPECT("/a\\:b:/c\\\\d", "/a:b", "/c\\d");
    EXPECT("/a\\xFFb\\x0a", "/a\xff"
                            "b\n");
    EXPECT("/a\\b\\x0:/c\\", "/a\\b\\x0", "/c\\");
    EXPECT("/a\\x00", "/a\\x00");
}

Test(roots, any_folder_can_be_added)
{
    static const char *const folders[] = {"/a:b", "/c\\d", "/e\nf", "/g\xff", "/h \u00fc'\"", "/i\\:j", "/"};
    kt_buf_t                 list;
    kt_buf_init(&list, 1 << 16);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        kt_roots_add(&list, folders[i]);
    cr_assert_eq(list.err, KT_OK);
    cr_assert_null(strchr(list.bytes, '\n'));
    expect_roots(list.bytes, folders, sizeof folders / sizeof *folders);
    kt_buf_fini(&list);
}

Test(roots, one_that_is_longer_than_a_path_is_skipped)
{
    char *list = malloc(KT_ROOT_BYTES + 16);
    cr_assert_not_null(list);
    memset(list, 'a', KT_ROOT_BYTES + 10);
    strcpy(list + KT_ROOT_BYTES + 10, ":/b");
    EXPECT(list, "/b");
    free(list);
}

Test(roots, what_lies_beneath_is_held)
{
    cr_expect(kt_roots_hold("/a:/b\\:c", "/b:c/x.mp3", false));
    cr_expect(kt_roots_hold("/a:/b\\:c", "/a", false));
    cr_expect(kt_roots_hold("/", "/any/thing", false));
    cr_expect_not(kt_roots_hold("/a:/b\\:c", "/ab", false));
    cr_expect_not(kt_roots_hold("/a", "/a/../etc", false));
    cr_expect_not(kt_roots_hold("/a", "/a/..", false));
    cr_expect_not(kt_roots_hold("", "/a", false));
    cr_expect(kt_roots_hold("/proc/self/root/usr", "/usr/bin", true));
    cr_expect_not(kt_roots_hold("/nowhere", "/nowhere/x", true));
}
