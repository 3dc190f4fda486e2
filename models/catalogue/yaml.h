// kt_yaml -- a small YAML text as a tree, with the line of each node; the only file that uses libyaml. One document of
// plain texts, lists and maps. Aliases, anchors, tags, duplicate keys and control characters are errors, so that the
// tree is never larger than the text. Constant after parse; any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

typedef struct kt_yaml kt_yaml_t;

enum {
    KT_YAML_BYTES      = 1 << 20,
    KT_YAML_DEPTH      = 8,
    KT_YAML_NODES      = 65536,
    KT_YAML_KEYS       = 512,  // of one map
    KT_YAML_TEXT_BYTES = 1024,
    KT_YAML_WHY        = 256
};

typedef enum kt_yaml_kind { KT_YAML_TEXT, KT_YAML_LIST, KT_YAML_MAP } kt_yaml_kind_t;

typedef struct kt_yaml_node kt_yaml_node_t;
struct kt_yaml_node {
    kt_yaml_kind_t  kind;
    size_t          line;   // from 1; in a map that of the key
    char           *key;    // in a map; else NULL
    char           *text;   // KT_YAML_TEXT: UTF-8; else NULL
    size_t          count;  // of the children
    kt_yaml_node_t *first, *next;
};

// KT_ECATALOGUE: why: "line 12: ...". KT_ENOMEM.
KT_MUST_USE kt_err_t  kt_yaml_parse(kt_yaml_t **self_p, const char *text, size_t length, char why[KT_YAML_WHY]);
void                  kt_yaml_destroy(kt_yaml_t **self_p);
const kt_yaml_node_t *kt_yaml_root(const kt_yaml_t *self);  // NULL: an empty text
