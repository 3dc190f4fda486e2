// Attributes of a node: from JSON, or their defaults in ops.def.
#include "common/assert.h"
#include "common/text.h"
#include "models/format/members.h"
#include "models/graph/inside.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 3, SPATIAL_MAX = 3, WIDTH_MAX = 1 << 20 };

typedef enum kind {
    SPATIAL,  // one integer per spatial dimension
    PADS,     // the same before, then after
    LIST,
    INTEGER,
    SMALL,  // int
    REAL,
    FLAG
} kind_t;

static const struct attr {
    const char *name;
    kind_t      kind;
    size_t      at;
    int64_t     least, most;
} attrs[] = {
    {"stride", SPATIAL, offsetof(kt_op_attrs_t, stride), 1, KT_COUNT_MAX},
    {"dilation", SPATIAL, offsetof(kt_op_attrs_t, dilation), 1, KT_COUNT_MAX},
    {"kernel", SPATIAL, offsetof(kt_op_attrs_t, kernel), 1, KT_COUNT_MAX},
    {"pad", PADS, 0, 0, KT_COUNT_MAX},
    {"groups", INTEGER, offsetof(kt_op_attrs_t, groups), 1, KT_COUNT_MAX},
    {"axis", SMALL, offsetof(kt_op_attrs_t, axis), -KT_GRAPH_RANK, KT_GRAPH_RANK - 1},
    {"shape", LIST, 0, -1, KT_COUNT_MAX},
    {"order", LIST, 0, 0, KT_GRAPH_RANK - 1},
    {"axes", LIST, 0, -KT_GRAPH_RANK, KT_GRAPH_RANK - 1},
    {"factor", LIST, 0, 1, KT_COUNT_MAX},
    {"begin", INTEGER, offsetof(kt_op_attrs_t, begin), -KT_COUNT_MAX, KT_COUNT_MAX},
    {"end", INTEGER, offsetof(kt_op_attrs_t, end), -KT_COUNT_MAX, KT_COUNT_MAX},
    {"before", INTEGER, offsetof(kt_op_attrs_t, begin), 0, KT_COUNT_MAX},
    {"after", INTEGER, offsetof(kt_op_attrs_t, end), 0, KT_COUNT_MAX},
    {"alpha", REAL, offsetof(kt_op_attrs_t, alpha), 0, 0},
    {"beta", REAL, offsetof(kt_op_attrs_t, beta), 0, 0},
    {"low", REAL, offsetof(kt_op_attrs_t, low), 0, 0},
    {"high", REAL, offsetof(kt_op_attrs_t, high), 0, 0},
    {"epsilon", REAL, offsetof(kt_op_attrs_t, epsilon), 0, 0},
    {"exponent", REAL, offsetof(kt_op_attrs_t, exponent), 0, 0},
    {"width", SMALL, offsetof(kt_op_attrs_t, width), 0, WIDTH_MAX},
    {"transpose", FLAG, offsetof(kt_op_attrs_t, transpose), 0, 0},
    {"keep", FLAG, offsetof(kt_op_attrs_t, keep), 0, 0},
    {"ceil", FLAG, offsetof(kt_op_attrs_t, ceil), 0, 0},
    {"include_pad", FLAG, offsetof(kt_op_attrs_t, include_pad), 0, 0},
    {"reflect", FLAG, offsetof(kt_op_attrs_t, reflect), 0, 0},
};
typedef struct attr attr_t;

static const attr_t *
attr_find(const char *name)
{
    size_t i = 0;
    while (i < sizeof attrs / sizeof attrs[0] && strcmp(attrs[i].name, name) != 0)
        i++;
    kt_assert(i < sizeof attrs / sizeof attrs[0]);
    return &attrs[i];
}

static void
fill(int64_t values[SPATIAL_MAX], int64_t value)
{
    for (int i = 0; i < SPATIAL_MAX; i++)
        values[i] = value;
}

// false: there is no default.
static bool
set_default(const attr_t *attr, const char *text, kt_op_attrs_t *out)
{
    void  *field = (char *)out + attr->at;
    double value = strtod(text + (*text == '['), NULL);
    if (strcmp(text, "[]") == 0)
        return false;
    switch (attr->kind) {
    case SPATIAL:
        if (strcmp(text, "[kernel]") == 0)
            memcpy(field, out->kernel, sizeof out->kernel);
        else
            fill(field, (int64_t)value);
        break;
    case PADS:
        fill(out->before, (int64_t)value);
        fill(out->after, (int64_t)value);
        break;
    case LIST: break;
    case INTEGER: *(int64_t *)field = (int64_t)value; break;
    case SMALL: *(int *)field = (int)value; break;
    case REAL: *(float *)field = (float)value; break;
    case FLAG: *(bool *)field = strcmp(text, "true") == 0; break;
    }
    return true;
}

// An array of integers within the attribute's limits, at most `most`; -1: it is not.
static int
read_list(const json_t *json, const attr_t *attr, int64_t *out, size_t most)
{
    size_t n = kt_json_count(json);
    if (kt_json_kind(json) != KT_JSON_ARRAY || n > most)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!kt_json_integer(kt_json_at(json, i), &out[i]) || out[i] < attr->least || out[i] > attr->most)
            return -1;
    return (int)n;
}

static bool
read_value(const json_t *json, const attr_t *attr, int spatial, kt_op_attrs_t *out)
{
    void   *field = (char *)out + attr->at;
    int64_t list[2 * SPATIAL_MAX], integer;
    double  real;
    switch (attr->kind) {
    case SPATIAL: return read_list(json, attr, field, (size_t)spatial) == spatial;
    case PADS:
        if (read_list(json, attr, list, 2 * (size_t)spatial) != 2 * spatial)
            return false;
        memcpy(out->before, list, (size_t)spatial * sizeof *list);
        memcpy(out->after, list + spatial, (size_t)spatial * sizeof *list);
        return true;
    case LIST: return (out->n_list = read_list(json, attr, out->list, KT_GRAPH_RANK)) > 0;
    case INTEGER:
    case SMALL:
        if (!kt_json_integer(json, &integer) || integer < attr->least || integer > attr->most)
            return false;
        if (attr->kind == SMALL)
            *(int *)field = (int)integer;
        else
            *(int64_t *)field = integer;
        return true;
    case REAL:
        if (!kt_json_number(json, &real) || fabs(real) > (double)FLT_MAX)
            return false;
        *(float *)field = (float)real;
        return true;
    case FLAG: return kt_json_boolean(json, field);
    }
    return false;
}

// Dimension 0 is N, which no operator works along.
static bool
normalise_axis(int64_t *axis, int rank)
{
    if (*axis < 0)
        *axis += rank;
    return *axis > 0 && *axis < rank;
}

kt_err_t
kt_attrs_read(const json_t *json, kt_op_t op, int rank, kt_op_attrs_t *out, char why[KT_KTM_WHY])
{
    const char    *known[MEMBERS + KT_OP_ATTRIBUTES + 1] = {"op", "in", "out"}, *at = kt_op_rows[op].attributes;
    kt_attr_item_t items[KT_OP_ATTRIBUTES];
    size_t         n = 0;
    *out             = (kt_op_attrs_t){0};
    for (; n < KT_OP_ATTRIBUTES && kt_attr_next(&at, &items[n]); n++)
        known[MEMBERS + n] = items[n].name;
    kt_assert(!*at);
    const char *unknown = kt_members_unknown(json, known);
    if (unknown)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "unknown attribute %s", unknown);
    for (size_t i = 0; i < n; i++) {
        const attr_t *attr    = attr_find(items[i].name);
        const json_t *value   = kt_json_get(json, attr->name);
        int           spatial = rank - 2;
        if ((attr->kind == SPATIAL || attr->kind == PADS) && (spatial < 1 || spatial > SPATIAL_MAX))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "its input has %d dimensions, not 3 to 5", rank);
        if (!value && !set_default(attr, items[i].fallback, out))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "attribute %s is missing", attr->name);
        if (value && !read_value(value, attr, spatial, out))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "attribute %s is not of its type, length or range",
                                   attr->name);
        int64_t axis = out->axis;
        bool    fits = strcmp(attr->name, "axis") != 0 || normalise_axis(&axis, rank);
        out->axis    = (int)axis;
        for (int k = 0; k < out->n_list && strcmp(attr->name, "axes") == 0; k++)
            fits = fits && normalise_axis(&out->list[k], rank);
        if (!fits)
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "%s is not from 1 to %d (0 is N) or from the end",
                                   attr->name, rank - 1);
    }
    return KT_OK;
}
