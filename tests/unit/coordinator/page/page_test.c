#include "coordinator/page/page.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WEIGHT_MOST = 150 * 1000 };

Test(page, it_is_below_150_kb)
{
    const kt_page_file_t *files = NULL;
    size_t                n = kt_page_files(&files), weight = 0;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(strlen(files[i].bytes), files[i].length, "%s", files[i].name);
        weight += files[i].length;
    }
    cr_assert(n > 5);
    cr_assert_lt(weight, WEIGHT_MOST);
}

Test(page, files_are_found_by_their_whole_name)
{
    cr_assert_str_eq(kt_page_find("main.js")->type, "text/javascript; charset=utf-8");
    cr_assert_str_eq(kt_page_find("index.html")->type, "text/html; charset=utf-8");
    cr_assert_null(kt_page_find(""));
    cr_assert_null(kt_page_find("main"));
    cr_assert_null(kt_page_find("../page.c"));
}

// Addresses are relative to the page, for a proxy that puts a prefix before them; nothing is loaded from elsewhere.
Test(page, it_names_no_address_of_its_own_root_and_no_other_host)
{
    static const char *const WRONG[] = {"\"/page", "\"/v1",    "'/v1",     "`/v1",
                                        "src=\"/", "href=\"/", "https://", "innerHTML"};
    const kt_page_file_t    *files   = NULL;
    size_t                   n       = kt_page_files(&files);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof WRONG / sizeof *WRONG; k++)
            cr_assert_null(strstr(files[i].bytes, WRONG[k]), "%s has %s", files[i].name, WRONG[k]);
}

static size_t
find_named(const char *text, const char *before)
{
    const size_t skip  = strlen(before);
    size_t       named = 0;
    for (const char *at = text; (at = strstr(at, before)); at += skip, named++) {
        char         name[64] = "";
        const size_t length   = strcspn(at + skip, "\"");
        cr_assert_lt(length, sizeof name);
        memcpy(name, at + skip, length);
        cr_assert_not_null(kt_page_find(name), "%s", name);
    }
    return named;
}

Test(page, each_file_that_the_document_or_a_module_names_is_there)
{
    const kt_page_file_t *files = NULL;
    size_t                n = kt_page_files(&files), named = 0;
    cr_assert_geq(find_named(kt_page_find("index.html")->bytes, "\"page/"), 7);
    for (size_t i = 0; i < n; i++)
        named += find_named(files[i].bytes, "\"./");
    cr_assert_gt(named, 15);
}
