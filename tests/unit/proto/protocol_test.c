// PROTOCOL.md against messages.def: what the table has, the page names.
#include "proto/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char page[64 << 10];

static void
read_page(void)
{
    const char *path = KT_SOURCE_DIR "/proto/PROTOCOL.md";
    FILE       *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    size_t n = fread(page, 1, sizeof page - 1, file);
    page[n]  = '\0';
    fclose(file);
}

TestSuite(protocol, .init = read_page);

// The grammar's rule of a message or an element: from "name =" to the end of the line.
static void
rule_of(const char *name, char *out, size_t capacity)
{
    char head[80];
    snprintf(head, sizeof head, "\n%s = ", name);
    const char *start = strstr(page, head);
    cr_assert_not_null(start, "PROTOCOL.md has no rule for %s", name);
    start += strlen(head);
    snprintf(out, capacity, "%.*s", (int)strcspn(start, "\n"), start);
}

static void
expect_in_rule(const char *rule, const char *term)
{
    const char *place = strstr(rule, term);
    cr_assert_not_null(place, "'%s' is not in the rule '%s'", term, rule);
    char end = place[strlen(term)];
    cr_assert(end == ' ' || end == ']' || !end, "'%s' is not in the rule '%s'", term, rule);
}

// The term of a field: "name:STR<=64", or "number:U64" where there is no bound.
static void
expect_field(const char *rule, const char *name, const char *type, int max)
{
    char term[128], bound[16] = "";
    if (max)
        snprintf(bound, sizeof bound, "<=%d", max);
    snprintf(term, sizeof term, "%s:%s%s", name, type, bound);
    expect_in_rule(rule, term);
}

static void
expect_list(const char *rule, const char *name, const char *element, int max)
{
    char term[128];
    snprintf(term, sizeof term, "%s:[*%d %s]", name, max, element);
    expect_in_rule(rule, term);
}

// clang-format off
Test(protocol, every_message_and_field_is_in_the_grammar)
{
    char rule[1024];
#define KT_MSG(NAME, name, id, meaning) rule_of(#NAME, rule, sizeof rule); expect_in_rule(rule, #id);
#define KT_ITEM(name, meaning) rule_of(#name, rule, sizeof rule);
#define KT_FIELD(type, name, max, meaning) expect_field(rule, #name, #type, max);
#define KT_LIST(element, name, max, meaning) expect_list(rule, #name, #element, max);
#define KT_END
#include "proto/messages.def"
}
