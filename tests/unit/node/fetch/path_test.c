#include "node/fetch/path.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static kt_fetch_t *fetch;

static void
open_roots(void)
{
    fx_open_plain();
    mkdir(fx_path("root"), 0755);
    mkdir(fx_path("root/deep"), 0755);
    mkdir(fx_path("outside"), 0755);
    fx_write("root/a.wav", "abc", 3);
    fx_write("root/deep/b.wav", "abcd", 4);
    fx_write("outside/secret.wav", "s", 1);
    cr_assert_eq(kt_fetch_new(&fetch, fx_path("root"), true), KT_OK);
}

static void
close_roots(void)
{
    kt_fetch_destroy(&fetch);
    kt_fetch_destroy(&fetch);  // idempotent
    fx_close();
}

TestSuite(fetch, .init = open_roots, .fini = close_roots, .timeout = 20);

static kt_err_t
try_path(const kt_fetch_t *self, const char *path, uint64_t *size)
{
    int      fd = -1;
    char     why[KT_FETCH_WHY];
    kt_err_t err = kt_fetch_open(self, path, &fd, size, why);
    cr_assert_eq(err == KT_OK, fd >= 0, "%s", path);
    if (fd >= 0) {
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    }
    return err;
}

static void
expect(const char *name, kt_err_t err)
{
    uint64_t size = 0;
    cr_expect_eq(try_path(fetch, fx_path(name), &size), err, "%s", name);
}

Test(fetch, a_file_beneath_a_root_opens_with_its_size)
{
    uint64_t size = 0;
    cr_assert_eq(try_path(fetch, fx_path("root/a.wav"), &size), KT_OK);
    cr_assert_eq(size, 3);
    expect("root/deep/b.wav", KT_OK);
    expect("root//deep/../a.wav", KT_OK);  // stays beneath
}

Test(fetch, a_relative_path_of_a_command_counts_from_the_current_folder)
{
    kt_fetch_t *farm = NULL;
    uint64_t    size = 0;
    cr_assert_eq(kt_fetch_new(&farm, fx_path("root"), false), KT_OK);
    cr_assert_eq(chdir(fx_path("root")), 0);
    cr_expect_eq(try_path(fetch, "a.wav", &size), KT_OK);
    cr_expect_eq(try_path(fetch, "deep/../deep/b.wav", &size), KT_OK);
    cr_expect_eq(try_path(fetch, "../outside/secret.wav", &size), KT_EROOT);
    cr_expect_eq(try_path(farm, "a.wav", &size), KT_EROOT, "a job has no current folder");
    kt_fetch_destroy(&farm);
}

Test(fetch, what_leads_out_of_the_root_is_refused)
{
    expect("outside/secret.wav", KT_EROOT);
    expect("root/../outside/secret.wav", KT_EROOT);
    expect("rootless", KT_EROOT);
    uint64_t size;
    cr_assert_eq(try_path(fetch, "/etc/hostname", &size), KT_EROOT);
    cr_assert_eq(try_path(fetch, "a.wav", &size), KT_EROOT, "a relative path belongs to no root");
}

Test(fetch, links_may_stay_beneath_but_not_leave)
{
    char target[128];
    cr_assert_eq(symlink("a.wav", fx_path("root/near")), 0);
    cr_assert_eq(symlink("../outside/secret.wav", fx_path("root/far")), 0);
    snprintf(target, sizeof target, "%s", fx_path("outside"));
    cr_assert_eq(symlink(target, fx_path("root/absolute")), 0);
    cr_assert_eq(symlink("loop", fx_path("root/loop")), 0);
    expect("root/near", KT_OK);
    expect("root/far", KT_EROOT);
    expect("root/absolute/secret.wav", KT_EROOT);
    expect("root/loop", KT_ENOFILE);
}

static atomic_bool swapping;

// root/swapped is a folder, then a link out of the root, then the folder again.
static void *
swap_folder(void *context)
{
    const char *folder = fx_folder;
    char        inner[128], aside[128];
    (void)context;
    snprintf(inner, sizeof inner, "%s/root/swapped", folder);
    snprintf(aside, sizeof aside, "%s/aside", folder);
    while (swapping) {
        cr_assert(!rename(inner, aside) && !symlink("../outside", inner) && !unlink(inner) && !rename(aside, inner));
        sched_yield();
    }
    return NULL;
}

Test(fetch, a_folder_that_is_swapped_for_a_link_out_leads_nowhere_else)
{
    enum { TRIES = 5000 };
    char        path[128], why[KT_FETCH_WHY];
    pthread_t   thread;
    struct stat inside, facts;
    unsigned    opened = 0, refused = 0;
    mkdir(fx_path("root/swapped"), 0755);
    fx_write("root/swapped/secret.wav", "inside", 6);
    cr_assert_eq(stat(fx_path("root/swapped/secret.wav"), &inside), 0);
    snprintf(path, sizeof path, "%s", fx_path("root/swapped/secret.wav"));
    swapping = true;
    cr_assert_eq(pthread_create(&thread, NULL, swap_folder, NULL), 0);
    for (int i = 0; i < TRIES || ((!opened || !refused) && i < 100 * TRIES); i++) {
        int      fd = -1;
        uint64_t size;
        if (kt_fetch_open(fetch, path, &fd, &size, why)) {
            refused++;
            continue;
        }
        opened++;
        cr_assert_eq(fstat(fd, &facts), 0);
        cr_assert_eq(facts.st_ino, inside.st_ino, "a file outside the root was opened");
        close(fd);
    }
    swapping = false;
    pthread_join(thread, NULL);
    cr_assert(opened && refused, "the race was met: %u opened, %u refused", opened, refused);
}

Test(fetch, an_absolute_link_that_stays_beneath_a_root_is_followed)
{
    char        target[128], list[512];
    uint64_t    size;
    kt_fetch_t *both = NULL;
    snprintf(target, sizeof target, "%s", fx_path("root/a.wav"));
    cr_assert_eq(symlink(target, fx_path("root/deep/file")), 0);
    snprintf(target, sizeof target, "%s", fx_path("root/deep"));
    cr_assert_eq(symlink(target, fx_path("root/folder")), 0);
    snprintf(target, sizeof target, "%s", fx_path("outside/secret.wav"));
    cr_assert_eq(symlink(target, fx_path("root/leads out")), 0);
    cr_assert_eq(symlink("/nowhere/at all.wav", fx_path("root/leads nowhere")), 0);
    snprintf(target, sizeof target, "%s", fx_path("root/leads out"));
    cr_assert_eq(symlink(target, fx_path("root/two steps")), 0);
    expect("root/deep/file", KT_OK);
    expect("root/folder/b.wav", KT_OK);
    expect("root/folder/file", KT_OK);
    expect("root/folder/none.wav", KT_EROOT);
    expect("root/leads out", KT_EROOT);
    expect("root/two steps", KT_EROOT);
    expect("root/leads nowhere", KT_EROOT);  // as for a file outside: the error does not reveal what exists there
    int n = snprintf(list, sizeof list, "%s:", fx_path("root"));
    snprintf(list + n, sizeof list - (size_t)n, "%s", fx_path("outside"));
    cr_assert_eq(kt_fetch_new(&both, list, false), KT_OK);
    cr_assert_eq(try_path(both, fx_path("root/leads out"), &size), KT_OK, "into another root");
    kt_fetch_destroy(&both);
}

Test(fetch, a_root_may_have_any_name)
{
    char        list[512];
    uint64_t    size;
    kt_fetch_t *odd = NULL;
    mkdir(fx_path("a: b\\c"), 0755);
    fx_write("a: b\\c/x.wav", "abc", 3);
    snprintf(list, sizeof list, "%s", fx_path("a\\: b\\\\c"));
    cr_assert_eq(kt_fetch_new(&odd, list, false), KT_OK);
    cr_assert_eq(try_path(odd, fx_path("a: b\\c/x.wav"), &size), KT_OK);
    cr_assert_eq(size, 3);
    kt_fetch_destroy(&odd);
}

Test(fetch, what_is_no_regular_file_has_its_own_code)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fx_write("root/empty.wav", "", 0);
    cr_assert_eq(mkfifo(fx_path("root/pipe"), 0644), 0);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fx_path("root/socket"));
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    expect("root/empty.wav", KT_EEMPTY);
    expect("root/deep", KT_EDIRECTORY);
    expect("root", KT_EDIRECTORY);
    expect("root/pipe", KT_ENOTREGULAR);  // without waiting for a writer
    expect("root/socket", KT_ENOTREGULAR);
    expect("root/none.wav", KT_ENOFILE);
    expect("root/a.wav/b", KT_ENOFILE);
    close(listener);
}

Test(fetch, names_that_are_not_utf8_are_given_as_their_text)
{
    uint64_t size;
    char     text[256];
    cr_assert_eq(try_path(fetch, "/tmp/\xff\xfe.wav", &size), KT_ENAME);
    cr_assert_eq(try_path(fetch, "file://host/a.wav", &size), KT_ENAME);
    fx_write("root/x\xff.wav", "abcde", 5);
    snprintf(text, sizeof text, "file://%s", fx_path("root/x%FF.wav"));
    cr_assert_eq(try_path(fetch, text, &size), KT_OK);
    cr_assert_eq(size, 5);
    cr_assert_eq(try_path(fetch, fx_path("root/x%FF.wav"), &size), KT_ENOFILE);
    expect("root/was sanitised \xEF\xBF\xBD.wav", KT_ENAME);
    fx_write("root/real \xEF\xBF\xBD.wav", "x", 1);
    expect("root/real \xEF\xBF\xBD.wav", KT_OK);
}

Test(fetch, without_roots_nothing_opens_unless_any_path_is_allowed)
{
    kt_fetch_t *none = NULL, *any = NULL;
    uint64_t    size;
    cr_assert_eq(kt_fetch_new(&none, "", false), KT_OK);
    cr_assert_eq(kt_fetch_new(&any, NULL, true), KT_OK);
    cr_assert_eq(try_path(none, fx_path("root/a.wav"), &size), KT_EROOT);
    cr_assert_eq(try_path(any, fx_path("outside/secret.wav"), &size), KT_OK);
    kt_fetch_destroy(&none);
    kt_fetch_destroy(&any);
}

Test(fetch, the_whole_file_system_can_be_a_root)
{
    kt_fetch_t *all = NULL;
    uint64_t    size;
    cr_assert_eq(kt_fetch_new(&all, "/", false), KT_OK);
    cr_assert_eq(try_path(all, fx_path("outside/secret.wav"), &size), KT_OK);
    cr_assert_eq(try_path(all, "/", &size), KT_EDIRECTORY);
    cr_assert_eq(try_path(all, "", &size), KT_EROOT);
    kt_fetch_destroy(&all);
}

Test(fetch, several_roots_and_their_links_are_all_tried)
{
    char        list[512];
    uint64_t    size;
    kt_fetch_t *both = NULL;
    char        target[128];
    snprintf(target, sizeof target, "%s", fx_path("outside"));
    cr_assert_eq(symlink(target, fx_path("alias")), 0);
    int n = snprintf(list, sizeof list, "%s:", fx_path("missing"));
    n += snprintf(list + n, sizeof list - (size_t)n, "%s/:", fx_path("root"));
    snprintf(list + n, sizeof list - (size_t)n, "%s", fx_path("alias"));
    cr_assert_eq(kt_fetch_new(&both, list, false), KT_OK);
    cr_assert_eq(try_path(both, fx_path("root/a.wav"), &size), KT_OK);
    cr_assert_eq(try_path(both, fx_path("alias/secret.wav"), &size), KT_OK);
    cr_assert_eq(try_path(both, fx_path("outside/secret.wav"), &size), KT_OK, "the root's canonical name");
    kt_fetch_destroy(&both);
}

Test(fetch, each_errno_has_a_code)
{
    static const struct {
        int      error;
        kt_err_t err;
    } rows[] = {{ENOENT, KT_ENOFILE},
                {ENOTDIR, KT_ENOFILE},
                {EACCES, KT_EACCESS},
                {EPERM, KT_EACCESS},
                {EXDEV, KT_EROOT},
                {ELOOP, KT_ENOFILE},
                {EIO, KT_EIO},
                {ESTALE, KT_EIO},
                {ENAMETOOLONG, KT_ENOFILE},
                {ENOMEM, KT_ENOMEM},
                {EMFILE, KT_ESYSTEM},
                {ENXIO, KT_ENOTREGULAR},
                {EISDIR, KT_EDIRECTORY},
                {0, KT_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(kt_fetch_error(rows[i].error, "/a"), rows[i].err, "errno %d", rows[i].error);
}

// Root reads everything, so a child becomes the user nobody first.
Test(fetch, a_file_that_may_not_be_read_has_its_own_error)
{
    fx_write("root/closed.wav", "x", 1);
    cr_assert_eq(chmod(fx_path("root/closed.wav"), 0), 0);
    chmod(fx_path(""), 0755);
    pid_t child = fork();
    if (child == 0) {
        int      fd;
        char     why[KT_FETCH_WHY];
        uint64_t size;
        if (getuid() == 0 && setuid(65534) != 0)
            _exit(2);
        _exit(kt_fetch_open(fetch, fx_path("root/closed.wav"), &fd, &size, why) == KT_EACCESS ? 0 : 1);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

// As a mount that goes away and comes back: the folder of that path is another one then.
Test(fetch, a_root_may_come_after_the_start_go_away_and_come_back)
{
    kt_fetch_t *late = NULL;
    uint64_t    size;
    char        root[256], file[256], away[256];
    (void)snprintf(root, sizeof root, "%s", fx_path("late"));
    (void)snprintf(file, sizeof file, "%s", fx_path("late/a.wav"));
    (void)snprintf(away, sizeof away, "%s", fx_path("away"));
    cr_assert_eq(kt_fetch_new(&late, root, false), KT_OK);
    cr_expect_eq(try_path(late, file, &size), KT_EROOT);
    for (size_t bytes = 1; bytes < 4; bytes++) {
        cr_assert_eq(mkdir(root, 0755), 0);
        cr_expect_eq(try_path(late, file, &size), KT_ENOFILE);
        fx_write("late/a.wav", "abcd", bytes);
        cr_expect_eq(try_path(late, file, &size), KT_OK);
        cr_expect_eq(size, bytes);
        (void)snprintf(away, sizeof away, "%s%zu", fx_path("away"), bytes);
        cr_assert_eq(rename(root, away), 0);
        cr_expect_eq(try_path(late, file, &size), KT_EROOT);
    }
    kt_fetch_destroy(&late);
}
