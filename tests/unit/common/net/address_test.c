// Addresses of settings: what is wrong with one is named.
#include "common/net/address.h"

#include <criterion/criterion.h>
#include <string.h>

Test(address, right_ones)
{
    static const struct {
        const char *text;
        bool        any;
    } rows[] = {{"127.0.0.1:8710", false},  {"tcp://127.0.0.1:8711", false},
                {"[::1]:1", false},         {"tcp://[fe80::1]:65535", false},
                {"host.example:80", false}, {"tcp://*:0", true},
                {"tcp://*:*", true},        {"127.0.0.1:0", true},
                {"ipc:///run/x", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[KT_ADDRESS_WHY] = "";
        cr_assert_eq(kt_address_check(rows[i].text, rows[i].any, why), KT_OK, "%s: %s", rows[i].text, why);
    }
}

Test(address, wrong_ones_are_named)
{
    static const struct {
        const char *text;
        bool        any;
        const char *why;
    } rows[] = {{"127.0.0.1:99999", true, "port"},
                {"tcp://127.0.0.1:65536", true, "port"},
                {"tcp://h:0", false, "port"},
                {"tcp://h:*", false, "port"},
                {"h:*", true, "port"},
                {"h:", true, "port"},
                {"h:-1", true, "port"},
                {"h: 1", true, "port"},
                {"h:1x", true, "port"},
                {"h:99999999999999999999", true, "port"},
                {"h", true, "port is missing"},
                {"", true, "port is missing"},
                {"tcp://h", true, "port is missing"},
                {":80", true, "host"},
                {"tcp://:80", true, "host"},
                {"[]:80", true, "host"},
                {"[::1:80", true, "port is missing"},
                {"ipc://", true, "path"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[KT_ADDRESS_WHY] = "";
        cr_assert_eq(kt_address_check(rows[i].text, rows[i].any, why), KT_EINVAL, "%s", rows[i].text);
        cr_assert(strstr(why, rows[i].why), "%s: %s", rows[i].text, why);
    }
}
