// The walk: what it takes and what it counts, its order, that it goes on after any file, links to folders.
#include "common/walk.h"
#include "tests/unit/media_tree.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 64 };
static char found[MOST][512], cursors[MOST][KT_WALK_CURSOR];

TestSuite(walk, .init = mt_make, .fini = mt_remove);

static size_t
walk(const char *cursor, size_t names, bool all)
{
    kt_walk_t     *self = NULL;
    kt_walk_file_t file;
    bool           more = true;
    size_t         n    = 0;
    cr_assert_eq(kt_walk_new(&self, mt_root, &(kt_walk_opts_t){.cursor = cursor, .all = all, .names = names}), KT_OK);
    for (;;) {
        cr_assert_eq(kt_walk_next(self, &file, &more), KT_OK);
        if (!more)
            break;
        cr_assert_eq(file.bytes, 1);
        cr_assert(file.mtime_ns > 0);
        snprintf(found[n], sizeof found[n], "%s", file.path);
        kt_walk_cursor(self, cursors[n++]);
    }
    if (!cursor[0] && !all)  // cover.jpg, .hidden, loop
        cr_assert_eq(kt_left_out_total(kt_walk_left_out(self)), 3);
    kt_walk_destroy(&self);
    kt_walk_destroy(&self);
    return n;
}

Test(walk, files_come_by_the_names_of_each_folder)
{
    static const char *const ORDER[] = {".folder/x.mp3",   "100%.mp3",    "a/x/1.mp3",       "a/x/2.mp3", "a/y.mp3",
                                        "a.mp3",           "b/a.mp3",     "b/z.mp3",         "b.mp3",     "bad\xff.mp3",
                                        "c/bad\xfe/1.mp3", "c/d/e/f.mp3", "line\nbreak.mp3", "zlink.mp3"};
    size_t                   n       = walk("", KT_WALK_NAMES, false);
    cr_assert_eq(n, sizeof ORDER / sizeof *ORDER);
    for (size_t i = 0; i < n; i++)
        cr_assert_str_eq(found[i], ORDER[i]);
}

Test(walk, it_goes_on_after_any_file_whatever_its_name)
{
    char   all[MOST][512], cursor[KT_WALK_CURSOR];
    size_t n = walk("", KT_WALK_NAMES, true);
    memcpy(all, found, sizeof all);
    for (size_t i = 0; i < n; i++) {
        memcpy(cursor, cursors[i], sizeof cursor);
        for (const char *c = cursor; *c; c++)
            cr_assert(*c > ' ' && *c < 127);
        cr_assert_eq(walk(cursor, KT_WALK_NAMES, true), n - i - 1);
        for (size_t k = i + 1; k < n; k++)
            cr_assert_str_eq(found[k - i - 1], all[k]);
        walk("", KT_WALK_NAMES, true);
    }
}

Test(walk, a_folder_of_more_names_than_are_held_is_read_in_parts)
{
    char name[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "many/%03d.mp3", i * 7919 % 1000);
        mt_touch(name, "x");
    }
    kt_walk_t     *self = NULL;
    kt_walk_file_t file;
    bool           more  = true;
    int            count = 0;
    cr_assert_eq(kt_walk_new(&self, mt_root, &(kt_walk_opts_t){.cursor = "many/099.mp3", .names = 1}), KT_OK);
    while (!kt_walk_next(self, &file, &more) && more && !strncmp(file.path, "many/", 5)) {
        snprintf(name, sizeof name, "many/%03d.mp3", 100 + count++);
        cr_assert_str_eq(file.path, name);
    }
    cr_assert_eq(count, 900);
    kt_walk_destroy(&self);
}

Test(walk, what_was_removed_after_the_cursor_does_not_stop_it)
{
    char path[600];
    snprintf(path, sizeof path, "%s/a/x/1.mp3", mt_root);
    unlink(path);
    snprintf(path, sizeof path, "%s/a/x/2.mp3", mt_root);
    unlink(path);
    snprintf(path, sizeof path, "%s/a/x", mt_root);
    rmdir(path);
    walk("a/x/1.mp3", KT_WALK_NAMES, true);
    cr_assert_str_eq(found[0], "a/y.mp3");
}

Test(walk, bad_cursors_and_folders_are_errors)
{
    kt_walk_t *self = NULL;
    cr_assert_eq(kt_walk_new(&self, mt_root, &(kt_walk_opts_t){.cursor = "a%4"}), KT_EINVAL);
    cr_assert_eq(kt_walk_new(&self, mt_root, &(kt_walk_opts_t){.cursor = "/etc"}), KT_EINVAL);
    cr_assert_eq(kt_walk_new(&self, "/nowhere/at/all", &(kt_walk_opts_t){0}), KT_ENOFILE);
    cr_assert_null(self);
}

// Walks below `folder` of mt_root; what comes, in order, joined by blanks ('>' before a real path), and the count.
static void
assert_walk(const char *folder, kt_walk_opts_t opts, const char *files, const char *count)
{
    kt_walk_t     *self = NULL;
    kt_walk_file_t file;
    bool           more       = true;
    char           whole[600] = "", text[KT_LEFT_OUT_TEXT], got[4096] = "";
    size_t         n = 0;
    snprintf(whole, sizeof whole, "%s/%s", mt_root, folder);
    cr_assert_eq(kt_walk_new(&self, whole, &opts), KT_OK);
    while (!kt_walk_next(self, &file, &more) && more) {
        if (file.real)
            cr_assert(!strncmp(file.real, mt_root, strlen(mt_root)), "%s", file.real);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s%s", n ? " " : "", file.real ? ">" : "",
                              file.real ? file.real + strlen(mt_root) : file.path);
    }
    kt_left_out_text(kt_walk_left_out(self), text);
    cr_assert_str_eq(got, files);
    cr_assert_str_eq(text, count);
    kt_walk_destroy(&self);
}

static void
make_link(const char *to, const char *path)
{
    char whole[600], target[600];
    snprintf(whole, sizeof whole, "%s/%s", mt_root, path);
    snprintf(target, sizeof target, "%s/%s", mt_root, to);
    cr_assert_eq(symlink(target, whole), 0);
}

Test(walk, what_is_left_out_is_counted_by_kind)
{
    static const struct {
        const char *name, *text;
    } FILES[] = {{"k/...And Justice for All.mp3", "x"},
                 {"k/...Baby.mp3", "x"},
                 {"k/.hack/a.mp3", "x"},
                 {"k/...And Justice for All", "fLaC"},
                 {"k/.bashrc", "alias"},
                 {"k/._a.mp3", "x"},
                 {"k/.DS_Store", "x"},
                 {"k/a.m3u", "x"},
                 {"k/b.PLS", "x"},
                 {"k/c.jpg", "x"},
                 {"k/c.txt", "x"},
                 {"k/c.url", "x"},
                 {"k/c.torrent", "x"},
                 {"k/c.zip", "x"},
                 {"k/c.mid", "x"},
                 {"k/c.log", "x"},
                 {"k/c.pdf", "x"},
                 {"k/c.part01.r00", "x"},
                 {"k/README", "read me"},
                 {"k/song", "OggS"},
                 {"k/track.01", "ID3\x03"},
                 {"k/main.ts", "import x"},
                 {"k/empty", ""},
                 {"k/@eaDir/a.mp3", "x"},
                 {"k/.Trash-1000/a.mp3", "x"},
                 {"k/.AppleDouble/a", "x"}};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        mt_touch(FILES[i].name, FILES[i].text);
    char fifo[600];
    snprintf(fifo, sizeof fifo, "%s/k/fifo.mp3", mt_root);
    cr_assert_eq(mkfifo(fifo, 0666), 0);
    assert_walk("k", (kt_walk_opts_t){0},
                "...And Justice for All ...And Justice for All.mp3 ...Baby.mp3 .hack/a.mp3 song track.01",
                "2 playlists, 1 image, 1 text, 1 web link, 1 torrent, 2 archives, 1 MIDI file, 1 log, 1 document, "
                "3 hidden, 3 unknown, 1 special file, 3 system folders");
    assert_walk("k", (kt_walk_opts_t){.all = true},
                "...And Justice for All ...And Justice for All.mp3 ...Baby.mp3 .hack/a.mp3 README a.m3u b.PLS c.jpg "
                "c.log c.mid c.part01.r00 c.pdf c.torrent c.txt c.url c.zip empty main.ts song track.01",
                "3 hidden, 1 special file, 3 system folders");
}

Test(walk, links_to_folders_are_followed_once_per_real_folder)
{
    mt_touch("in/a.mp3", "x");
    mt_touch("in/sub/b.mp3", "x");
    mt_touch("out/c.mp3", "x");
    mt_touch("out/deep/d.mp3", "x");
    make_link("in", "in/self");
    make_link("in/sub", "in/sub/same");
    make_link("", "in/up");
    make_link("out/deep", "in/x1");
    make_link("out", "in/x2");
    make_link("out", "in/x3");
    make_link("out", "out/round");
    make_link("in", "out/back");
    make_link("nowhere", "in/y.mp3");
    make_link("nowhere", "in/z");
    // Not followed: self, same, up; x3, deep below x2, round, back.
    assert_walk("in", (kt_walk_opts_t){0}, "a.mp3 sub/b.mp3 >/out/deep/d.mp3 >/out/c.mp3 y.mp3",
                "1 unknown, 7 repeated folders");
}

static bool
follow_no_link(void *context, const char *real)
{
    (void)context;
    (void)real;
    return false;
}

Test(walk, links_that_must_not_be_followed_are_counted)
{
    mt_touch("in/a.mp3", "x");
    mt_touch("out/c.mp3", "x");
    make_link("out", "in/x");
    assert_walk("in", (kt_walk_opts_t){.may_follow = follow_no_link}, "a.mp3", "1 link out of the roots");
}

Test(walk, it_goes_on_behind_a_link)
{
    mt_touch("in/z.mp3", "x");
    mt_touch("out/c.mp3", "x");
    mt_touch("out/d/e.mp3", "x");
    mt_touch("out/d/f.mp3", "x");
    make_link("out", "in/x");
    assert_walk("in", (kt_walk_opts_t){.cursor = "x/d/e.mp3"}, ">/out/d/f.mp3 z.mp3", "");
}

static void
note_unreadable(void *context, const char *path, kt_err_t err)
{
    size_t *length = context;
    *length        = strlen(path);
    cr_assert_eq(err, KT_EINVAL);
}

Test(walk, a_folder_that_cannot_be_entered_is_named_and_does_not_stop_it)
{
    char   path[2 * KT_WALK_DEPTH + 16] = "in/";
    size_t named                        = 0;
    for (int i = 0; i < KT_WALK_DEPTH; i++)
        strcat(path, "d/");
    strcat(path, "a.mp3");
    char whole[2 * KT_WALK_DEPTH + 300];
    snprintf(whole, sizeof whole, "mkdir -p '%s/%.*s'", mt_root, (int)strlen(path) - 6, path);
    cr_assert_eq(system(whole), 0);
    mt_touch("in/z.mp3", "x");
    kt_walk_t     *self = NULL;
    kt_walk_file_t file;
    bool           more = true;
    snprintf(whole, sizeof whole, "%s/in", mt_root);
    cr_assert_eq(kt_walk_new(&self, whole, &(kt_walk_opts_t){.unreadable = note_unreadable, .context = &named}), KT_OK);
    cr_assert_eq(kt_walk_next(self, &file, &more), KT_OK);
    cr_assert(more && !strcmp(file.path, "z.mp3"));
    cr_assert_eq(kt_walk_left_out(self)->unreadable, 1);
    cr_assert_eq(named, 2 * KT_WALK_DEPTH - 1);
    kt_walk_destroy(&self);
}

Test(walk, what_links_led_to_before_the_cursor_does_not_come_again)
{
    mt_touch("in/a.mp3", "x");
    mt_touch("in/zz.mp3", "x");
    mt_touch("out/d/e.mp3", "x");
    mt_touch("out/f.mp3", "x");
    make_link("out", "in/b");
    make_link("out", "in/m");
    make_link("out/d", "in/p");
    assert_walk("in", (kt_walk_opts_t){0}, "a.mp3 >/out/d/e.mp3 >/out/f.mp3 zz.mp3", "2 repeated folders");
    assert_walk("in", (kt_walk_opts_t){.cursor = "b/f.mp3"}, "zz.mp3", "2 repeated folders");
    assert_walk("in", (kt_walk_opts_t){.cursor = "b/d/e.mp3"}, ">/out/f.mp3 zz.mp3", "2 repeated folders");
    assert_walk("in", (kt_walk_opts_t){.cursor = "a.mp3"}, ">/out/d/e.mp3 >/out/f.mp3 zz.mp3", "2 repeated folders");
}

Test(walk, a_shared_set_makes_each_folder_come_once)
{
    kt_folder_set_t shared = {0};
    mt_touch("in/a.mp3", "x");
    mt_touch("in/b/c.mp3", "x");
    mt_touch("other/d.mp3", "x");
    make_link("in/b", "other/link");
    assert_walk("in/b", (kt_walk_opts_t){.shared = &shared}, "c.mp3", "");
    assert_walk("in", (kt_walk_opts_t){.shared = &shared}, "a.mp3", "1 repeated folder");
    assert_walk("in", (kt_walk_opts_t){.shared = &shared}, "", "1 repeated folder");
    assert_walk("other", (kt_walk_opts_t){.shared = &shared}, "d.mp3", "1 repeated folder");
    kt_folder_set_fini(&shared);
}
