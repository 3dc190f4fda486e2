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
    cr_assert_eq(n, 2);
    cr_assert_lt(weight, WEIGHT_MOST);
}

Test(page, files_are_found_by_their_whole_name)
{
    cr_assert_str_eq(kt_page_find("icon.svg")->type, "image/svg+xml");
    cr_assert_str_eq(kt_page_find("index.html")->type, "text/html; charset=utf-8");
    cr_assert_null(kt_page_find(""));
    cr_assert_null(kt_page_find("icon"));
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
count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

// Every further file would be a request before the first view.
Test(page, the_document_loads_nothing_but_its_icon)
{
    const char *text = kt_page_find("index.html")->bytes;
    cr_assert_eq(count_of(text, "<link "), 1);
    cr_assert_not_null(strstr(text, "<link rel=\"icon\" href=\"page/icon.svg\""));
    cr_assert_eq(count_of(text, " src=\""), 0);
    cr_assert_eq(count_of(text, "<script>"), 1);
    cr_assert_eq(count_of(text, "</script>"), 1);
    cr_assert_eq(count_of(text, "<style>"), 1);
    cr_assert_eq(count_of(text, "\nimport "), 0);
    cr_assert_eq(count_of(text, "import("), 0);
}

Test(page, its_policy_allows_no_other_script_and_style)
{
    const char *policy = kt_page_policy();
    cr_assert_eq(count_of(policy, "'sha256-"), 2);
    cr_assert_eq(count_of(policy, "unsafe"), 0);
    cr_assert_null(strstr(policy, "script-src 'self'"));
    cr_assert_null(strstr(policy, "style-src 'self'"));
}
