#include "common/json.h"
#include "coordinator/routes/routes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static json_t *
openapi(void)
{
    kt_buf_t text;
    json_t  *json = NULL;
    char     why[KT_JSON_WHY];
    kt_buf_init(&text, 8 << 20);
    kt_routes_openapi(&text, "1.2.3");
    cr_assert_eq(text.err, KT_OK);
    cr_assert_eq(kt_json_parse(text.bytes, text.length, 8 << 20, &json, why), KT_OK, "%s", why);
    kt_buf_fini(&text);
    return json;
}

Test(routes, every_route_and_parameter_is_in_the_generated_documents)
{
    static const char *const SEGMENTS[] = {"", "{ID}", "{NAME}", "{MESSAGE_ID}"};
    json_t                  *json       = openapi();
    kt_buf_t                 page;
    kt_buf_init(&page, 1 << 20);
    kt_routes_markdown(&page);
    for (int i = 0; i < KT_ROUTES; i++) {
        const kt_route_desc_t *route = kt_route_desc((kt_route_t)i);
        char                   path[80], row[128];
        snprintf(path, sizeof path, "%s%s%s", route->before, SEGMENTS[route->segment], route->after);
        const json_t *operations = kt_json_get(kt_json_get(json, "paths"), path);
        const json_t *one        = kt_json_get(operations, strcmp(route->method, "GET") ? "post" : "get");
        cr_assert_not_null(one, "%s %s", route->method, path);
        size_t words = *route->query != '\0';
        for (const char *c = route->query; *c; c++)
            words += *c == ' ';
        cr_assert_eq(kt_json_count(kt_json_get(one, "parameters")), words + (route->segment != KT_SEGMENT_NOTHING),
                     "%s: a parameter without a KT_PARAM", path);
        snprintf(row, sizeof row, "| `%s %s` |", route->method, kt_route_path((kt_route_t)i, path));
        cr_assert_not_null(strstr(page.bytes, row), "%s", row);
    }
    kt_buf_fini(&page);
    kt_json_free(&json);
}

Test(routes, allow_lists_the_methods_of_a_path)
{
    char allow[32];
    cr_assert_str_eq(kt_route_allow(KT_ROUTE_jobs, allow), "GET, HEAD, POST");
    cr_assert_str_eq(kt_route_allow(KT_ROUTE_status, allow), "GET, HEAD");
    cr_assert_str_eq(kt_route_allow(KT_ROUTE_drain, allow), "POST");
}

Test(routes, parameters_are_found_by_their_whole_name)
{
    cr_assert(kt_route_has_param(KT_ROUTE_jobs, "message_id"));
    cr_assert(kt_route_has_param(KT_ROUTE_jobs, "limit"));
    cr_assert_not(kt_route_has_param(KT_ROUTE_jobs, "message"));
    cr_assert_not(kt_route_has_param(KT_ROUTE_jobs, "stat"));
    cr_assert_not(kt_route_has_param(KT_ROUTE_status, ""));
}
