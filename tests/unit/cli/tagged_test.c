// Files that differ from what was analysed by their tags alone.
#include "coordinator/cli/tagged.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char          folder[64];
static kt_settings_t settings;
static kt_tagged_t   self;

static const kt_file_facts_t A = {100, 1796027079353505680}, B = {110, 1796027083337505865},
                             C = {120, 1796027090000000001};

static void
reload(void)
{
    kt_tagged_fini(&self);
    cr_assert_eq(kt_tagged_load(&self, &settings), KT_OK);
}

static void
begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/kithara-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    settings.state_dir = folder;
    reload();
}

static void
end(void)
{
    char command[128];
    kt_tagged_fini(&self);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(tagged, .init = begin, .fini = end);

static kt_file_facts_t
before(const char *path, kt_file_facts_t facts)
{
    (void)kt_tagged_find(&self, path, &facts);
    return facts;
}

static bool
is(kt_file_facts_t a, kt_file_facts_t b)
{
    return a.size == b.size && a.mtime_ns == b.mtime_ns;
}

Test(tagged, a_file_is_what_it_was_before_its_tags_as_long_as_nothing_else_changes_it)
{
    cr_assert_eq(kt_tagged_add(&self, "/a\nb", A, B), KT_OK);
    reload();
    cr_expect(is(before("/a\nb", B), A));
    cr_expect(is(before("/a\nb", C), C), "changed since");
    cr_expect(is(before("/other", B), B));
    cr_assert_eq(kt_tagged_add(&self, "/a\nb", B, C), KT_OK);
    reload();
    cr_expect(is(before("/a\nb", C), A), "tagged twice");
    cr_expect(is(before("/a\nb", B), B));
    cr_expect_eq(self.n, 1);
}

Test(tagged, lines_that_are_none_and_old_ones_do_no_harm)
{
    char  path[96];
    char *line = NULL;
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/%d", i % 20);
        cr_assert_eq(kt_tagged_add(&self, path, A, i < 20 ? B : C), KT_OK);
    }
    FILE *file = fopen(self.path, "a");
    cr_assert_not_null(file);
    fprintf(file, "no line\n\n%s\n", "0123456789abcdef0123456789abcdef 1 2");
    for (int i = 0; i < 2000; i++)
        fprintf(file, "0123456789abcdef0123456789abcdef 1 2 3 %d\n", i);
    fclose(file);
    reload();  // writes it anew, as most lines are old
    reload();
    cr_expect_eq(self.n, 21);
    cr_expect(is(before("/7", C), A));
    size_t capacity = 0, lines = 0;
    file = fopen(self.path, "r");
    while (getline(&line, &capacity, file) > 0)
        lines++;
    fclose(file);
    free(line);
    cr_expect_eq(lines, 21);
}
