#include "models/catalogue/yaml.h"

#include "common/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct kt_yaml {
    kt_yaml_node_t *nodes[KT_YAML_NODES];
    size_t          n;
};

// The open lists and maps, from the root.
typedef struct build {
    kt_yaml_t      *tree;
    kt_yaml_node_t *open[KT_YAML_DEPTH], *last[KT_YAML_DEPTH];  // last: the child that was added last
    size_t          depth;
    char           *key;  // of the next node, in a map
    size_t          key_line;
    char           *why;
} build_t;

static kt_err_t
fail(build_t *build, size_t line, const char *what)
{
    return kt_text_explain(build->why, KT_YAML_WHY, KT_ECATALOGUE, "line %zu: %s", line, what);
}

// The key of a map comes first. *taken: it was one, and no node follows from it.
static kt_err_t
take_key(build_t *build, const char *text, size_t length, size_t line, bool *taken)
{
    const kt_yaml_node_t *map = build->depth ? build->open[build->depth - 1] : NULL;
    *taken                    = map && map->kind == KT_YAML_MAP && !build->key;
    if (!*taken)
        return KT_OK;
    if (!text)
        return fail(build, line, "a key is a text");
    if (map->count >= KT_YAML_KEYS)
        return fail(build, line, "too many entries");
    for (const kt_yaml_node_t *child = map->first; child; child = child->next)
        if (!strcmp(child->key, text))
            return kt_text_explain(build->why, KT_YAML_WHY, KT_ECATALOGUE, "line %zu: '%.60s' is there twice", line,
                                   text);
    build->key      = strndup(text, length);
    build->key_line = line;
    return build->key ? KT_OK : KT_ENOMEM;
}

static kt_err_t
add_node(build_t *build, kt_yaml_kind_t kind, const char *text, size_t length, size_t line)
{
    kt_yaml_t *tree = build->tree;
    bool       key;
    kt_err_t   err = take_key(build, text, length, line, &key);
    if (err || key)
        return err;
    if (!build->depth && tree->n)
        return fail(build, line, "one document is expected");
    if (tree->n == KT_YAML_NODES)
        return fail(build, line, "too many entries");
    if (kind != KT_YAML_TEXT && build->depth == KT_YAML_DEPTH)
        return fail(build, line, "nested too deeply");
    kt_yaml_node_t *node = calloc(1, sizeof *node);
    if (!node)
        return KT_ENOMEM;
    tree->nodes[tree->n++] = node;
    *node      = (kt_yaml_node_t){.kind = kind, .line = build->key ? build->key_line : line, .key = build->key};
    build->key = NULL;
    if (text && !(node->text = strndup(text, length)))
        return KT_ENOMEM;
    kt_yaml_node_t *parent = build->depth ? build->open[build->depth - 1] : NULL;
    if (parent) {
        kt_yaml_node_t **last = &build->last[build->depth - 1];
        if (*last)
            (*last)->next = node;
        else
            parent->first = node;
        *last = node;
        parent->count++;
    }
    if (kind != KT_YAML_TEXT) {
        build->last[build->depth]   = NULL;
        build->open[build->depth++] = node;
    }
    return KT_OK;
}

static kt_err_t
add_text(build_t *build, const yaml_event_t *event, size_t line)
{
    const char *text   = (const char *)event->data.scalar.value;
    size_t      length = event->data.scalar.length;
    if (length >= KT_YAML_TEXT_BYTES)
        return fail(build, line, "a text is too long");
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return fail(build, line, "control characters are not allowed");
    return add_node(build, KT_YAML_TEXT, text, length, line);
}

static kt_err_t
take_event(build_t *build, const yaml_event_t *event, size_t line)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT: anchor = event->data.scalar.anchor, tag = event->data.scalar.tag; break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
        break;
    default: break;
    }
    if (anchor || event->type == YAML_ALIAS_EVENT)
        return fail(build, line, "anchors and aliases are not allowed");
    if (tag)
        return fail(build, line, "tags are not allowed");
    switch (event->type) {
    case YAML_SCALAR_EVENT: return add_text(build, event, line);
    case YAML_SEQUENCE_START_EVENT: return add_node(build, KT_YAML_LIST, NULL, 0, line);
    case YAML_MAPPING_START_EVENT: return add_node(build, KT_YAML_MAP, NULL, 0, line);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: build->depth--; return KT_OK;
    default: return KT_OK;
    }
}

// Bytes that are not UTF-8 have an offset, everything else a line.
static kt_err_t
report_problem(build_t *build, const yaml_parser_t *parser, const char *text)
{
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_MEMORY_ERROR)
        return KT_ENOMEM;
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset; i++)
            line += text[i] == '\n';
    }
    return fail(build, line, parser->problem ? parser->problem : "not valid YAML");
}

static kt_err_t
read_events(build_t *build, yaml_parser_t *parser, const char *text)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    kt_err_t          err  = KT_OK;
    while (!err && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return report_problem(build, parser, text);
        type = event.type;
        err  = take_event(build, &event, event.start_mark.line + 1);
        yaml_event_delete(&event);
    }
    return err;
}

kt_err_t
kt_yaml_parse(kt_yaml_t **self_p, const char *text, size_t length, char why[KT_YAML_WHY])
{
    yaml_parser_t parser;
    kt_yaml_t    *self  = calloc(1, sizeof *self);
    build_t       build = {.tree = self, .why = why};
    why[0]              = '\0';
    if (!self || !yaml_parser_initialize(&parser)) {
        kt_yaml_destroy(&self);
        return KT_ENOMEM;
    }
    kt_err_t err = length > KT_YAML_BYTES ? fail(&build, 1, "larger than 1 MB") : KT_OK;
    if (!err) {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        err = read_events(&build, &parser, text);
    }
    yaml_parser_delete(&parser);
    free(build.key);
    if (err)
        kt_yaml_destroy(&self);
    else
        *self_p = self;
    return err;
}

void
kt_yaml_destroy(kt_yaml_t **self_p)
{
    kt_yaml_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n; i++) {
        free(self->nodes[i]->key);
        free(self->nodes[i]->text);
        free(self->nodes[i]);
    }
    free(self);
    *self_p = NULL;
}

const kt_yaml_node_t *
kt_yaml_root(const kt_yaml_t *self)
{
    return self->n ? self->nodes[0] : NULL;
}
