#include "coordinator/result_cache/redis_url.h"

#include <criterion/criterion.h>
#include <string.h>

static kt_cache_url_t url;
static char           why[KT_CACHE_URL_WHY];

Test(cache_url, each_part_is_found_and_decoded)
{
    static const struct {
        const char *text, *host, *user, *password;
        int         port, db;
    } rows[] = {
        {"redis://localhost", "localhost", "", "", 6379, 0},
        {"redis://localhost:6379/0", "localhost", "", "", 6379, 0},
        {"REDIS://127.0.0.1:7000/15", "127.0.0.1", "", "", 7000, 15},
        {"redis://:secret@host/3", "host", "", "secret", 6379, 3},
        {"redis://me:p%40ss%3Aword@host:1", "host", "me", "p@ss:word", 1, 0},
        {"redis://secret@host/", "host", "", "secret", 6379, 0},
        {"redis://me:a@b@host", "host", "me", "a@b", 6379, 0},
        {"redis://[::1]:6380/2", "::1", "", "", 6380, 2},
        {"redis://[::1]", "::1", "", "", 6379, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(kt_cache_url_parse(rows[i].text, &url, why), KT_OK, "%s: %s", rows[i].text, why);
        cr_expect_str_eq(url.host, rows[i].host, "%s", rows[i].text);
        cr_expect_str_eq(url.user, rows[i].user, "%s", rows[i].text);
        cr_expect_str_eq(url.password, rows[i].password, "%s", rows[i].text);
        cr_expect_eq(url.port, rows[i].port, "%s", rows[i].text);
        cr_expect_eq(url.db, rows[i].db, "%s", rows[i].text);
    }
}

Test(cache_url, what_is_none_is_refused_without_its_password)
{
    static const char *const bad[] = {"",
                                      "localhost:6379",
                                      "http://localhost",
                                      "redis://",
                                      "redis://:6379",
                                      "redis://host:0",
                                      "redis://host:65536",
                                      "redis://host:x",
                                      "redis://host/x",
                                      "redis://host/-1",
                                      "redis://host/999999999",
                                      "redis://[::1",
                                      "redis://[::1]x",
                                      "redis://:hidden%4@host",
                                      "redis://:hidden%zz@host",
                                      "redis://:hidden%00@host",
                                      "redis://host?db=1",
                                      "redis://host/1#x",
                                      "redis://:hidden@",
                                      "redis://:hidden@/1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        url.port = -7;
        cr_expect_eq(kt_cache_url_parse(bad[i], &url, why), KT_ESETTING, "%s", bad[i]);
        cr_expect_eq(url.port, -7, "%s", bad[i]);
        cr_expect(strstr(why, "REDIS_URL") && !strstr(why, "hidden"), "%s", why);
    }
    cr_assert_eq(kt_cache_url_parse("rediss://host:1", &url, why), KT_OK, "%s", why);
    cr_assert(url.tls && url.port == 1);
    cr_assert_eq(kt_cache_url_parse("redis://host", &url, why), KT_OK, "%s", why);
    cr_assert_not(url.tls);
}
