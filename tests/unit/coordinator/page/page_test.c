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

Test(page, each_file_that_the_document_names_is_there)
{
    const char *at    = kt_page_find("index.html")->bytes;
    size_t      named = 0;
    for (; (at = strstr(at, "\"page/")); named++) {
        char   name[64] = "";
        size_t length   = strcspn(at + 6, "\"");
        cr_assert_lt(length, sizeof name);
        memcpy(name, at + 6, length);
        cr_assert_not_null(kt_page_find(name), "%s", name);
        at += 6;
    }
    cr_assert_gt(named, 8);
}
