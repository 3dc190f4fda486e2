#include "coordinator/http/gzip.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(gzip, it_is_taken_by_name_or_star_unless_its_quality_is_zero)
{
    static const struct {
        const char *accept;
        bool        taken;
    } CASES[] = {{NULL, false},           {"", false},          {"gzip", true},
                 {"deflate, gzip", true}, {"GZIP;q=0.5", true}, {"gzip;q=0", false},
                 {"gzip; q=0.0", false},  {"*", true},          {"*;q=0", false},
                 {"gzip;q=0, *", false},  {"identity", false},  {"gzipped", false},
                 {"br, *;q=0.1", true},   {",,", false}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        cr_assert_eq(kt_http_takes_gzip(CASES[i].accept), CASES[i].taken, "%s", CASES[i].accept);
}

Test(gzip, a_body_gets_shorter_or_stays_as_it_is)
{
    kt_buf_t body;
    kt_buf_init(&body, 1 << 20);
    for (int i = 0; i < 1000; i++)
        kt_buf_str(&body, "the same again and again ");
    const size_t before = body.length;
    cr_assert(kt_http_gzip(&body));
    cr_assert_lt(body.length, before / 20);
    cr_assert_eq(memcmp(body.bytes, "\x1f\x8b", 2), 0);
    kt_buf_clear(&body);
    srand(1);
    for (int i = 0; i < 2000; i++)
        kt_buf_add(&body, &(char){(char)rand()}, 1);
    cr_assert_not(kt_http_gzip(&body));
    cr_assert_eq(body.length, 2000);
    kt_buf_fini(&body);
}
