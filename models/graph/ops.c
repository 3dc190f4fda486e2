// The operator table, and the text of its attributes: "NAME DEFAULT, NAME DEFAULT".
#include "common/assert.h"
#include "models/graph/inside.h"

#include <string.h>

const kt_op_row_t kt_op_rows[KT_OPS] = {
#define KT_OP(ID, NAME, LEAST, MOST, OUTPUTS, ATTRIBUTES, MEANING)                                                     \
    [KT_OP_##ID] = {#NAME, LEAST, MOST, OUTPUTS, ATTRIBUTES, MEANING},
#include "models/graph/ops.def"
#undef KT_OP
};

const char *
kt_op_name(kt_op_t op)
{
    return kt_op_rows[op].name;
}

static const char *
copy_part(const char *from, const char *stop, char out[KT_ATTR_TEXT])
{
    size_t length = strcspn(from, stop);
    kt_assert(length > 0 && length < KT_ATTR_TEXT);
    memcpy(out, from, length);
    out[length] = '\0';
    return from + length;
}

bool
kt_attr_next(const char **at, kt_attr_item_t *out)
{
    if (!**at)
        return false;
    const char *rest = copy_part(*at, " ", out->name);
    kt_assert(*rest == ' ');
    rest = copy_part(rest + 1, ",", out->fallback);
    *at  = *rest ? rest + 2 : rest;
    return true;
}
