#include "models/catalogue/yaml.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_err_t
parse(const char *text, kt_yaml_t **out, char why[KT_YAML_WHY])
{
    *out = NULL;
    return kt_yaml_parse(out, text, strlen(text), why);
}

static void
assert_rejected(const char *text, const char *reason)
{
    kt_yaml_t *yaml;
    char       why[KT_YAML_WHY];
    cr_assert_eq(parse(text, &yaml, why), KT_ECATALOGUE, "%s", text);
    cr_assert_null(yaml);
    cr_assert_not_null(strstr(why, reason), "'%s' does not say '%s'", why, reason);
}

Test(yaml, nodes_know_their_line_and_order)
{
    kt_yaml_t *yaml;
    char       why[KT_YAML_WHY];
    cr_assert_eq(parse("a: 1\nb:\n  - x\n  - {c: \"d e\"}\n", &yaml, why), KT_OK, "%s", why);
    const kt_yaml_node_t *a = kt_yaml_root(yaml)->first, *b = a->next;
    cr_assert_str_eq(a->key, "a");
    cr_assert_str_eq(a->text, "1");
    cr_assert_eq(a->line, 1);
    cr_assert_eq(b->kind, KT_YAML_LIST);
    cr_assert_eq(b->count, 2);
    cr_assert_str_eq(b->first->text, "x");
    cr_assert_eq(b->first->next->line, 4);
    cr_assert_str_eq(b->first->next->first->text, "d e");
    cr_assert_null(b->next);
    kt_yaml_destroy(&yaml);
}

Test(yaml, an_empty_text_has_no_root)
{
    kt_yaml_t *yaml;
    char       why[KT_YAML_WHY];
    cr_assert_eq(parse("# nothing\n", &yaml, why), KT_OK);
    cr_assert_null(kt_yaml_root(yaml));
    kt_yaml_destroy(&yaml);
}

Test(yaml, what_could_grow_or_hide_is_rejected_with_its_line)
{
    assert_rejected("a: &x [1]\nb: *x\n", "line 1: anchors");
    assert_rejected("a: 1\nb: *x\n", "line 2: anchors");
    assert_rejected("a: !!python/object {}\n", "line 1: tags");
    assert_rejected("a: 1\na: 2\n", "line 2: 'a' is there twice");
    assert_rejected("a: 1\n---\nb: 1\n", "line 3: one document");
    assert_rejected("? [a]\n: 1\n", "a key is a text");
    assert_rejected("a: \"\\0\"\n", "control characters");
    assert_rejected("a: [1\n", "line");
    assert_rejected("a: 1\n b: 2\n", "line 2");
    assert_rejected("a: 1\nb: \xff\n", "line 2");
}

Test(yaml, deep_nesting_ends_at_the_bound)
{
    char text[2 << 10] = "a: ";
    memset(text + 3, '[', 1 << 10);
    assert_rejected(text, "nested too deeply");
}

Test(yaml, size_and_counts_are_bounded)
{
    size_t     length = KT_YAML_BYTES + 1;
    char      *text   = malloc(length + 1), why[KT_YAML_WHY];
    kt_yaml_t *yaml   = NULL;
    memset(text, '#', length);
    text[length] = '\0';
    cr_assert_eq(kt_yaml_parse(&yaml, text, length, why), KT_ECATALOGUE);
    cr_assert_not_null(strstr(why, "larger than 1 MB"));
    size_t used = 0;
    for (int i = 0; i <= KT_YAML_KEYS; i++)
        used += (size_t)snprintf(text + used, length - used, "k%d: 1\n", i);
    assert_rejected(text, "too many entries");
    used = (size_t)snprintf(text, length, "a: [");
    for (int i = 0; i <= KT_YAML_NODES; i++)
        used += (size_t)snprintf(text + used, length - used, "1,");
    snprintf(text + used, length - used, "1]\n");
    assert_rejected(text, "too many entries");
    used = (size_t)snprintf(text, length, "a: ");
    memset(text + used, 'x', KT_YAML_TEXT_BYTES);
    text[used + KT_YAML_TEXT_BYTES] = '\0';
    assert_rejected(text, "too long");
    free(text);
}
