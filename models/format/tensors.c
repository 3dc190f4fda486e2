// The tensor table: where each tensor lies, and that its values are finite.
#include "common/text.h"
#include "models/format/members.h"
#include "models/format/parse.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = INT32_MAX, BLOCK = 4096 };

static const struct {
    const char *name;
    size_t      bytes;
} types[] = {[KT_KTM_F32] = {"f32", 4}, [KT_KTM_F16] = {"f16", 2}, [KT_KTM_I8] = {"i8", 1}};

// An exponent of ones (infinite or not a number) carries into the sign bit when one is added to the exponent. No branch
// and a constant number of rounds, so that the compiler uses vector instructions.
#define DEFINE_FINITE(NAME, TYPE, EXPONENT, ONE)                                                                       \
    static bool NAME(const TYPE *values, size_t count)                                                                 \
    {                                                                                                                  \
        TYPE carry = 0;                                                                                                \
        while (count >= BLOCK) {                                                                                       \
            for (size_t i = 0; i < BLOCK; i++)                                                                         \
                carry |= (TYPE)((values[i] & (EXPONENT)) + (ONE));                                                     \
            values += BLOCK;                                                                                           \
            count -= BLOCK;                                                                                            \
        }                                                                                                              \
        for (size_t i = 0; i < count; i++)                                                                             \
            carry |= (TYPE)((values[i] & (EXPONENT)) + (ONE));                                                         \
        return !(carry >> (8 * sizeof(TYPE) - 1));                                                                     \
    }
DEFINE_FINITE(finite_f32, uint32_t, 0x7F800000u, 0x00800000u)
DEFINE_FINITE(finite_f16, uint16_t, 0x7C00u, 0x0400u)

bool
kt_ktm_all_finite(kt_ktm_type_t type, const void *data, size_t count)
{
    if (type == KT_KTM_I8)
        return true;
    return type == KT_KTM_F32 ? finite_f32(data, count) : finite_f16(data, count);
}

static kt_err_t
read_shape(const json_t *shape, kt_ktm_tensor_t *tensor, char why[KT_KTM_WHY])
{
    size_t rank   = kt_json_count(shape);
    tensor->count = 1;
    if (kt_json_kind(shape) != KT_JSON_ARRAY || rank < 1 || rank > KT_KTM_RANK)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensor %s: shape is not an array of 1 to %d dimensions",
                               tensor->name, KT_KTM_RANK);
    tensor->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        int64_t dim;
        if (!kt_json_integer(kt_json_at(shape, i), &dim) || dim < 1 || dim > COUNT_MAX ||
            tensor->count > COUNT_MAX / (size_t)dim)
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL,
                                   "tensor %s: dimension %zu is not an integer from 1, or there are 2^31 elements",
                                   tensor->name, i);
        tensor->dims[i] = dim;
        tensor->count *= (size_t)dim;
    }
    return KT_OK;
}

// Reads entry `index`, whose data must begin at the next multiple of 64 after *end, and moves *end behind them.
static kt_err_t
read_tensor(const json_t *entry, const uint8_t *data, size_t bytes, size_t *end, kt_ktm_tensor_t *tensor,
            char why[KT_KTM_WHY])
{
    static const char *const known[] = {"name", "type", "shape", "offset", "scale", NULL};
    const char              *type    = kt_json_str(entry, "type", "");
    size_t                   kind = 0, begin = (*end + KT_KTM_ALIGN - 1) / KT_KTM_ALIGN * KT_KTM_ALIGN;
    int64_t                  offset;
    if (kt_json_kind(entry) != KT_JSON_OBJECT || !(tensor->name = kt_members_name(kt_json_get(entry, "name"))))
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensors: an entry has no name of 1 to 63 bytes");
    const char *unknown = kt_members_unknown(entry, known);
    if (unknown)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensor %s: unknown member %s", tensor->name, unknown);
    while (kind < sizeof types / sizeof types[0] && strcmp(types[kind].name, type) != 0)
        kind++;
    if (kind == sizeof types / sizeof types[0])
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensor %s: type is not f32, f16 or i8", tensor->name);
    tensor->type = (kt_ktm_type_t)kind;
    kt_err_t err = read_shape(kt_json_get(entry, "shape"), tensor, why);
    if (err)
        return err;
    if (!kt_json_integer(kt_json_get(entry, "offset"), &offset) || offset < 0 || (size_t)offset != begin)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensor %s: offset is not %zu", tensor->name, begin);
    if (begin > bytes || tensor->count * types[kind].bytes > bytes - begin)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "truncated: tensor %s ends after the file", tensor->name);
    for (size_t at = *end; at < begin; at++)
        if (data[at])
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "a byte before tensor %s is not zero", tensor->name);
    tensor->data = data + begin;
    *end         = begin + tensor->count * types[kind].bytes;
    if (!kt_ktm_all_finite(tensor->type, tensor->data, tensor->count))
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensor %s has a value that is not finite", tensor->name);
    return KT_OK;
}

static kt_err_t
find_scale(kt_ktm_t *self, const json_t *entry, kt_ktm_tensor_t *tensor, char why[KT_KTM_WHY])
{
    const json_t *member = kt_json_get(entry, "scale");
    if (tensor->type != KT_KTM_I8)
        return member ? kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "tensor %s: only i8 has a scale", tensor->name)
                      : KT_OK;
    const char            *name  = kt_members_name(member);
    const kt_ktm_tensor_t *scale = name ? kt_ktm_find(self, name) : NULL;
    if (!scale || scale->type != KT_KTM_F32 || scale->rank != 1 || scale->dims[0] != tensor->dims[0])
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL,
                               "tensor %s: scale does not name an f32 tensor of shape [%lld]", tensor->name,
                               (long long)tensor->dims[0]);
    tensor->scale = scale->data;
    return KT_OK;
}

kt_err_t
kt_ktm_read_tensors(kt_ktm_t *self, const uint8_t *data, size_t bytes, char why[KT_KTM_WHY])
{
    const json_t *entries = kt_json_get(self->header, "tensors");
    size_t        n = kt_json_count(entries), end = 0;
    kt_err_t      err;
    if (n > KT_KTM_TENSORS)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "%zu tensors, more than %d", n, KT_KTM_TENSORS);
    self->tensors = calloc(n ? n : 1, sizeof *self->tensors);
    if (!self->tensors || kt_names_init(&self->names, n))
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if ((err = read_tensor(kt_json_at(entries, i), data, bytes, &end, &self->tensors[i], why)))
            return err;
        if (!kt_names_add(&self->names, self->tensors[i].name, (int)i))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "two tensors have the name %s", self->tensors[i].name);
    }
    self->n_tensors = n;
    if (end != bytes)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "%zu bytes follow the last tensor", bytes - end);
    for (size_t i = 0; i < n; i++)
        if ((err = find_scale(self, kt_json_at(entries, i), &self->tensors[i], why)))
            return err;
    return KT_OK;
}
