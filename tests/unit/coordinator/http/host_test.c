#include "coordinator/http/host.h"

#include <criterion/criterion.h>
#include <stddef.h>

static const char NAMES[] = "farm.example.org, kithara\tWide.Example.";

Test(host, addresses_localhost_and_configured_names_are_served_and_no_other_name)
{
    static const struct {
        const char *host;
        bool        allowed, loopback;
    } ROWS[] = {
        {"127.0.0.1", true, true},
        {"127.0.0.1:8710", true, true},
        {"127.9.8.7:8710", true, true},
        {"[::1]:8710", true, true},
        {"[::ffff:127.0.0.1]", true, true},
        {"localhost", true, true},
        {"LocalHost:8710", true, true},
        {"localhost.", true, true},
        {"10.0.0.7:8710", true, false},
        {"0.0.0.0:8710", true, false},
        {"[fe80::1]:8710", true, false},
        {"[::ffff:10.0.0.1]", true, false},
        {"farm.example.org", true, false},
        {"FARM.example.ORG.:443", true, false},
        {"kithara:8710", true, false},
        {"wide.example", true, false},
        {"evil.example", false, false},
        {"127.0.0.1.evil.example", false, false},
        {"localhost.evil.example", false, false},
        {"evil-localhost", false, false},
        {"a.localhost", false, false},
        {"farm.example.org.evil.example", false, false},
        {"evilfarm.example.org", false, false},
        {"x.farm.example.org", false, false},
        {"farm.example", false, false},
        {"2130706433", false, false},
        {"0x7f000001", false, false},
        {"127.1", false, false},
        {"0177.0.0.1", false, false},
        {"127.0.0.1@evil.example", false, false},
        {"evil.example:127.0.0.1", false, false},
        {"127.0.0.1, evil.example", false, false},
        {"127.0.0.1 evil.example", false, false},
        {"farm.example.org kithara", false, false},
        {"farm.example.org,kithara", false, false},
        {"127.0.0.1:80:80", false, false},
        {"127.0.0.1:x", false, false},
        {"127.0.0.1:123456", false, false},
        {"[::1", false, false},
        {"[::1]x", false, false},
        {"[127.0.0.1]", false, false},
        {"::1", false, false},
        {"[]", false, false},
        {":8710", false, false},
        {".", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        cr_expect_eq(kt_http_host_allowed(ROWS[i].host, NAMES), ROWS[i].allowed, "%s", ROWS[i].host);
        cr_expect_eq(kt_http_host_is_loopback(ROWS[i].host), ROWS[i].loopback, "%s", ROWS[i].host);
    }
    cr_expect_not(kt_http_host_allowed("kithara", ""));
    cr_expect_not(kt_http_host_allowed("kithara", " , "));
}

Test(host, headers_of_proxies_are_known_in_any_case)
{
    static const char *const PROXY[] = {"X-Forwarded-For", "x-forwarded-proto", "X-FORWARDED-HOST", "Forwarded", "via",
                                        "X-Real-Ip",       "CF-Connecting-IP"};
    static const char *const OTHER[] = {"Host", "Accept", "Authorization", "X-Requested-With", "Forwarded-By-Hand", ""};
    for (size_t i = 0; i < sizeof PROXY / sizeof *PROXY; i++)
        cr_expect(kt_http_is_proxy_header(PROXY[i]), "%s", PROXY[i]);
    for (size_t i = 0; i < sizeof OTHER / sizeof *OTHER; i++)
        cr_expect_not(kt_http_is_proxy_header(OTHER[i]), "%s", OTHER[i]);
}
