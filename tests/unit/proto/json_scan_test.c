#include "common/json.h"
#include "proto/json_scan.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *text;
    bool        object;
} SCANS[] = {
    {"{}", true},
    {" { \"a\" : [ 1 , -2.5e+7 , \"x\\u00e9\\n\" , null , true , false , { } , [ ] ] }\n", true},
    {"{\"a\":{\"b\":[[[0]]]},\"c\":0.5}", true},
    {"{\"\xc3\xa9\":\"\xe2\x82\xac\"}", true},
    {"", false},
    {"[]", false},
    {"null", false},
    {"{", false},
    {"{}}", false},
    {"{}{}", false},
    {"{\"a\"}", false},
    {"{\"a\":}", false},
    {"{\"a\":1,}", false},
    {"{\"a\":1 \"b\":2}", false},
    {"{a:1}", false},
    {"{\"a\":[1,]}", false},
    {"{\"a\":[1}", false},
    {"{\"a\":01}", false},
    {"{\"a\":1.}", false},
    {"{\"a\":.5}", false},
    {"{\"a\":-}", false},
    {"{\"a\":1e}", false},
    {"{\"a\":nul}", false},
    {"{\"a\":NaN}", false},
    {"{\"a\":\"\\x\"}", false},
    {"{\"a\":\"\\u12g4\"}", false},
    {"{\"a\":\"\t\"}", false},
    {"{\"a\":\"\\u0000\"}", false},
    {"{\"\\u0000\":1}", false},
    {"{\"a\":\"\\uD83D\\uDE00\"}", true},
    {"{\"a\":\"\\ud83d\\ude00 \\uE000\"}", true},
    {"{\"a\":\"\\ud83d\"}", false},
    {"{\"a\":\"\\ud83dx\"}", false},
    {"{\"a\":\"\\ud83d\\n\"}", false},
    {"{\"a\":\"\\ud83d\\ud83d\"}", false},
    {"{\"a\":\"\\ude00\"}", false},
    {"{\"a\":\"\\ud83d\\u\"}", false},
    {"{\"a\":\"\xff\"}", false},
    {"{\"a\":\"b}", false},
};

Test(json_scan, a_scan_agrees_with_the_parser)
{
    for (size_t i = 0; i < sizeof SCANS / sizeof *SCANS; i++) {
        char       why[KT_JSON_WHY];
        json_t    *value  = NULL;
        const bool parsed = !kt_json_parse(SCANS[i].text, strlen(SCANS[i].text), 4096, &value, why);
        cr_expect_eq(kt_json_is_object(SCANS[i].text, strlen(SCANS[i].text)), SCANS[i].object, "%s", SCANS[i].text);
        cr_expect_eq(parsed, SCANS[i].object, "%s", SCANS[i].text);
        kt_json_free(&value);
    }
}

Test(json_scan, a_scan_of_every_beginning_of_an_object_is_false)
{
    static const char TEXT[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\",null,{\"b\":true}]}";
    for (size_t length = 0; length < sizeof TEXT - 1; length++)
        cr_expect_not(kt_json_is_object(TEXT, length), "%zu bytes", length);
    cr_expect(kt_json_is_object(TEXT, sizeof TEXT - 1));
}

Test(json_scan, a_scan_goes_128_deep)
{
    char text[600] = "{\"a\":";
    for (int depth = 127; depth < 129; depth++) {
        size_t n = 5;
        memset(text + n, '[', (size_t)depth), n += (size_t)depth;
        memset(text + n, ']', (size_t)depth), n += (size_t)depth;
        text[n++] = '}';
        cr_expect_eq(kt_json_is_object(text, n), depth == 127);
    }
}
