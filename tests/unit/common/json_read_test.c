// The quick parser accepts nothing that jansson refuses, and gives the same value.
#include "common/json.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 64 };

static const char MESSAGE[] =
    "{\"message_id\":\"m1\",\"media_id\":null,\"success\":true,\"processing_time\":1.25,\"features\":{\"mir\":{"
    "\"tempo\":"
    "128.013,\"beats\":[0.5,1,1.5e0,-2E-3],\"key\":\"F#\"},\"technical\":{\"tags\":{\"artist\":\"B\xc3\xb6hm \\\"x\\\" "
    "\\\\ \\n\"},\"has_video\":false,\"streams\":1,\"file_size\":123456789012345678,\"warnings\":[]},\"visual\":{}},"
    " \"list\" : [ [ ] , { } , [ [ 1 ] ] ] }\n";

// Whether the quick parser read it; then jansson read the same.
static bool
is_read(const char *text, size_t length)
{
    json_t      *quick = kt_json_read(text, length, DEPTH);
    json_error_t error;
    if (!quick)
        return false;
    json_t *slow = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(slow, "%.*s: %s", (int)length, text, error.text);
    cr_assert(json_equal(quick, slow), "%.*s", (int)length, text);
    json_decref(quick);
    json_decref(slow);
    return true;
}

Test(json_read, ordinary_texts_are_read_as_jansson_does)
{
    static const char *const TEXTS[] = {
        MESSAGE,
        "{}",
        " { } ",
        "{\"a\":-0}",
        "{\"a\":-0.0}",
        "{\"a\":0.1,\"b\":1e22,\"c\":123456789012345e-22,\"d\":2.2250738585072014e-308,\"e\":1e-400}",
        "{\"a\":0.30000000000000004,\"b\":9007199254740993.0,\"c\":1.7976931348623157e308}",
        "{\"a\":999999999999999999,\"b\":-999999999999999999}",
        "{\"a\":\"\",\"b\":\"\\\\\",\"c\":\"\\/\\b\\f\\n\\r\\t\\\"\"}",
        "{\"a\":\"\xf0\x9d\x84\x9e\"}",
        "{\"a\":[[[[[[[[]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        cr_assert(is_read(TEXTS[i], strlen(TEXTS[i])), "%s", TEXTS[i]);
}

Test(json_read, what_is_wrong_or_rare_is_left_to_jansson)
{
    static const char *const TEXTS[] = {
        "",
        "x",
        "[]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":1e999}",
        "{\"a\":nul}",
        "{\"a\":1}x",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":\"x}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":1234567890123456789}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"\xc3\xb6\":1}",
        "{a:1}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        cr_assert_not(is_read(TEXTS[i], strlen(TEXTS[i])), "%s", TEXTS[i]);
    cr_assert_not(is_read("{\"a\":\0}", 7));
}

Test(json_read, nesting_is_bounded)
{
    char text[256] = "{\"a\":";
    for (int depth = 1; depth < DEPTH; depth++)
        strcat(text, "[");
    for (int depth = 1; depth < DEPTH; depth++)
        strcat(text, "]");
    strcat(text, "}");
    cr_assert(is_read(text, strlen(text)));
    cr_assert_null(kt_json_read(text, strlen(text), DEPTH - 1));
    cr_assert_null(kt_json_read(text, strlen(text), 0));
}

// Every text that is cut, and many that have other bytes.
Test(json_read, damaged_texts_are_never_read_otherwise)
{
    static const char BYTES[] = "\"\\{}[]:,0123456789.eE+-tfnu x\x01\xc3\xff";
    char              text[sizeof MESSAGE];
    uint64_t          state = 7;
    size_t            read  = 0;
    for (size_t length = 0; length < sizeof MESSAGE - 1; length++)
        read += is_read(MESSAGE, length);
    cr_assert_eq(read, 1, "that without its last newline");
    for (int i = 0; i < 40000; i++) {
        memcpy(text, MESSAGE, sizeof text);
        for (int k = 0; k < 1 + i % 3; k++) {
            state                                   = state * 6364136223846793005u + 1442695040888963407u;
            text[(state >> 33) % (sizeof text - 1)] = BYTES[(state >> 13) % (sizeof BYTES - 1)];
        }
        read += is_read(text, sizeof text - 1);
    }
    cr_assert_gt(read, 1000, "some are still JSON");
}

static kt_err_t
read_part(const char *text, json_t **out)
{
    const kt_json_leave_t leave = {.scalars_of = "reasons", .nulls_of = "features"};
    char                  why[KT_JSON_WHY];
    *out = NULL;
    return kt_json_parse_part(text, strlen(text), 1 << 20, &leave, out, why);
}

Test(json_part, leaves_out_what_is_named_and_nothing_else)
{
    json_t  *part = NULL;
    kt_buf_t text;
    kt_buf_init(&text, 1 << 10);
    cr_assert_eq(
        read_part("{\"reasons\":{\"a\":\"b\",\"list\":[1,{\"c\":2}]},\"features\":{\"n\":null,\"mir\":{\"tempo\":null,"
                  "\"key\":\"C\",\"map\":{\"x\":null}}},\"other\":{\"mir\":{\"y\":null}},\"z\":null}",
                  &part),
        KT_OK);
    kt_json_write(part, &text);
    cr_assert_str_eq(text.bytes, "{\"reasons\":{\"list\":[{}]},\"features\":{\"n\":null,\"mir\":{\"key\":\"C\",\"map\":"
                                 "{\"x\":null}}},\"other\":{\"mir\":{\"y\":null}},\"z\":null}");
    kt_buf_fini(&text);
    kt_json_free(&part);
}

Test(json_part, what_is_left_out_is_still_checked)
{
    static const char *const WRONG[] = {"{\"reasons\":{\"a\":\"b}}",
                                        "{\"reasons\":{\"a\":nul}}",
                                        "{\"reasons\":{\"a\" 1}}",
                                        "{\"reasons\":{\"a\":\"\xff\"}}",
                                        "{\"features\":{\"mir\":{\"t\":null \"u\":1}}}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"features\":{\"mir\":{\"t\":1,\"t\":2}}}"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        json_t *part = NULL;
        cr_assert_eq(read_part(WRONG[i], &part), KT_EMESSAGE, "%s", WRONG[i]);
    }
}
