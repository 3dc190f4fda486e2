#include "common/json.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char why[KT_JSON_WHY];

static kt_err_t
parse(const char *text, json_t **out)
{
    return kt_json_parse(text, strlen(text), 4096, out, why);
}

static void
expect_refusal(const char *text, const char *part)
{
    json_t *value = NULL;
    cr_assert_eq(parse(text, &value), KT_EMESSAGE, "%s", text);
    cr_assert_null(value);
    cr_assert(strstr(why, part), "%s", why);
}

static void
expect_written(json_t *value, const char *text)
{
    kt_buf_t out;
    kt_buf_init(&out, 4096);
    kt_json_write(value, &out);
    cr_assert_eq(out.err, KT_OK);
    cr_assert_str_eq(out.bytes, text);
    kt_buf_fini(&out);
    kt_json_free(&value);
    cr_assert_null(value);
}

Test(json, members_are_read_by_type_or_fall_back)
{
    json_t *value = NULL;
    cr_assert_eq(parse("{\"s\":\"x\",\"i\":-5,\"r\":2.5,\"b\":true,\"a\":[1,2]}", &value), KT_OK);
    cr_assert_str_eq(kt_json_str(value, "s", "?"), "x");
    cr_assert_str_eq(kt_json_str(value, "i", "?"), "?");
    cr_assert_eq(kt_json_i64(value, "i", 9), -5);
    cr_assert_eq(kt_json_i64(value, "r", 9), 9);
    cr_assert_eq(kt_json_f64(value, "r", 9), 2.5);
    cr_assert_eq(kt_json_f64(value, "i", 9), -5);
    cr_assert_eq(kt_json_f64(value, "s", 9), 9);
    cr_assert(kt_json_flag(value, "b", false));
    cr_assert(kt_json_flag(value, "missing", true));
    cr_assert_eq(kt_json_count(kt_json_get(value, "a")), 2);
    cr_assert_eq(kt_json_count(value), 5);
    cr_assert_null(kt_json_at(kt_json_get(value, "a"), 2));
    cr_assert_eq(kt_json_count(NULL), 0);
    kt_json_free(&value);
}

Test(json, what_is_not_one_object_is_refused_with_its_line)
{
    expect_refusal("", "line 1");
    expect_refusal("[1]", "object");
    expect_refusal("3", "line 1");
    expect_refusal("{} {}", "line 1");
    expect_refusal("{\n\n\"a\":tru}", "line 3");
    expect_refusal("{\"a\":1,\"a\":2}", "line 1");
    expect_refusal("{\"a\":\"\xFF\"}", "line");
    expect_refusal("{\"a\":\"\\u0000\"}", "line 1");
}

Test(json, numbers_that_are_not_finite_never_get_in)
{
    expect_refusal("{\"a\":NaN}", "line 1");
    expect_refusal("{\"a\":1e999}", "line 1");
    expect_refusal("{\"a\":99999999999999999999}", "line 1");
    expect_written(kt_json_real(NAN), "null");
    expect_written(kt_json_real(-INFINITY), "null");
}

Test(json, size_and_depth_are_bounded)
{
    char    deep[200];
    json_t *value = NULL;
    cr_assert_eq(kt_json_parse("{    }", 6, 5, &value, why), KT_EMESSAGE);
    for (int depth = 64; depth <= 65; depth++) {
        int n = snprintf(deep, sizeof deep, "{\"[{[\\\"[\":");
        memset(deep + n, '[', (size_t)depth - 1);
        memset(deep + n + depth - 1, ']', (size_t)depth - 1);
        snprintf(deep + n + 2 * (depth - 1), 2, "}");
        cr_assert_eq(parse(deep, &value), depth == 64 ? KT_OK : KT_EMESSAGE, "%s", why);
    }
    kt_json_free(&value);
}

Test(json, only_length_bytes_are_read)
{
    json_t *value = NULL;
    cr_assert_eq(kt_json_parse("{}garbage", 2, 100, &value, why), KT_OK);
    kt_json_free(&value);
}

Test(json, writing_keeps_the_order_and_nine_digits)
{
    json_t *object = kt_json_object();
    json_t *array  = kt_json_array();
    cr_assert(kt_json_append(array, kt_json_bool(false)));
    cr_assert(kt_json_append(array, kt_json_null()));
    cr_assert(kt_json_set(object, "z", kt_json_real(1.0 / 3)));
    cr_assert(kt_json_set(object, "a", kt_json_int(INT64_MIN)));
    cr_assert(kt_json_set(object, "m", array));
    cr_assert(kt_json_set(object, "t", kt_json_text("line\n\"end\"")));
    expect_written(object,
                   "{\"z\":0.333333333,\"a\":-9223372036854775808,\"m\":[false,null],\"t\":\"line\\n\\\"end\\\"\"}");
}

Test(json, text_is_sanitised_and_no_text_is_null)
{
    expect_written(kt_json_text("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
    expect_written(kt_json_text(NULL), "null");
}

Test(json, setting_nothing_fails_and_changes_nothing)
{
    json_t *object = kt_json_object();
    json_t *array  = kt_json_array();
    cr_assert_not(kt_json_set(object, "a", NULL));
    cr_assert_not(kt_json_append(array, NULL));
    cr_assert_eq(kt_json_count(object), 0);
    cr_assert_eq(kt_json_count(array), 0);
    kt_json_free(&object);
    kt_json_free(&array);
}

Test(json, a_value_that_does_not_fit_leaves_no_half_of_itself)
{
    kt_buf_t out;
    json_t  *value = kt_json_text("longer than the room");
    kt_buf_init(&out, 8);
    kt_buf_str(&out, "kept");
    kt_json_write(value, &out);
    cr_assert_eq(out.err, KT_EFULL);
    cr_assert_str_eq(out.bytes, "kept");
    kt_buf_fini(&out);
    kt_json_free(&value);
}

Test(json, keys_come_in_the_order_of_insertion)
{
    json_t *object = kt_json_object();
    cr_assert_null(kt_json_key(object, 0));
    cr_assert(kt_json_set(object, "z", kt_json_int(1)));
    cr_assert(kt_json_set(object, "a", kt_json_int(2)));
    cr_assert(kt_json_set(object, "z", kt_json_int(3)));  // keeps its place
    cr_assert_str_eq(kt_json_key(object, 0), "z");
    cr_assert_str_eq(kt_json_key(object, 1), "a");
    cr_assert_null(kt_json_key(object, 2));
    kt_json_free(&object);
}

Test(json, a_value_has_a_kind)
{
    json_t *object = NULL;
    char    text[] = "{\"null\":null,\"bool\":true,\"int\":7,\"real\":1.5,\"text\":\"t\",\"array\":[],\"object\":{}}";
    const struct {
        const char    *key;
        kt_json_kind_t kind;
    } rows[] = {
        {"none", KT_JSON_NONE}, {"null", KT_JSON_NULL}, {"bool", KT_JSON_BOOL},   {"int", KT_JSON_INT},
        {"real", KT_JSON_REAL}, {"text", KT_JSON_TEXT}, {"array", KT_JSON_ARRAY}, {"object", KT_JSON_OBJECT},
    };
    cr_assert_eq(kt_json_parse(text, strlen(text), sizeof text, &object, why), KT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_t *value   = kt_json_get(object, rows[i].key);
        int64_t       integer = -1;
        bool          flag    = false;
        cr_assert_eq(kt_json_kind(value), rows[i].kind, "%s", rows[i].key);
        cr_assert_eq(kt_json_integer(value, &integer), rows[i].kind == KT_JSON_INT, "%s", rows[i].key);
        cr_assert_eq(integer, rows[i].kind == KT_JSON_INT ? 7 : -1, "%s", rows[i].key);
        cr_assert_eq(kt_json_boolean(value, &flag), rows[i].kind == KT_JSON_BOOL, "%s", rows[i].key);
        cr_assert_eq(flag, rows[i].kind == KT_JSON_BOOL, "%s", rows[i].key);
        cr_assert_eq(kt_json_string(value) != NULL, rows[i].kind == KT_JSON_TEXT, "%s", rows[i].key);
    }
    kt_json_free(&object);
}

Test(json, other_programs_read_a_real_back_as_the_same_number)
{
    json_t  *value = kt_json_array();
    kt_buf_t out;
    cr_assert(kt_json_append(value, kt_json_real(30000 / 1001.0)));
    kt_buf_init(&out, 4096);
    kt_json_write_exact(value, &out);
    cr_assert_eq(strtod(out.bytes + strcspn(out.bytes, "0123456789"), NULL), 30000 / 1001.0, "%s", out.bytes);
    kt_buf_fini(&out);
    kt_json_free(&value);
}
