#include "random_message.h"

#include "proto/wire_table.h"

#include <string.h>

// clang-format off
const kt_msg_type_t MESSAGE_TYPES[] = {
#define KT_END
#define KT_MSG(NAME, name, id, meaning) KT_MSG_##NAME,
#define KT_ITEM(name, meaning)
#define KT_LIST(element, name, max, meaning)
#define KT_FIELD(type, name, max, meaning)
#include "proto/messages.def"
#undef KT_END
#undef KT_MSG
#undef KT_ITEM
#undef KT_LIST
#undef KT_FIELD
};
// clang-format on
const size_t N_MESSAGE_TYPES = sizeof MESSAGE_TYPES / sizeof *MESSAGE_TYPES;

static _Alignas(16) char memory[4 << 20];
static size_t used;

static char *
take(size_t bytes)
{
    char *at = memory + used;
    used += (bytes + 15) & ~(size_t)15;
    return used <= sizeof memory ? at : NULL;
}

unsigned
random_number(unsigned *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

// Small and large numbers alike, so that every width of the encoding is met.
static uint64_t
random_u64(unsigned *seed)
{
    uint64_t wide = (uint64_t)random_number(seed) << 32 | random_number(seed);
    return wide >> random_number(seed) % 64;
}

static void fill(const kt_wire_shape_t *shape, char *row, unsigned *seed, size_t max_items);

static kt_bytes_t
random_bytes(unsigned *seed, size_t max)
{
    static const size_t lengths[] = {0, 1, 31, 32, 200, 300, 70000};
    size_t              n         = lengths[random_number(seed) % (sizeof lengths / sizeof *lengths)];
    if (n > max)
        n = max;
    char *at = take(n);
    for (size_t i = 0; i < n; i++)
        at[i] = (char)random_number(seed);
    return (kt_bytes_t){at, n};
}

static kt_wire_list_t
random_list(uint16_t key, unsigned *seed, size_t max)
{
    const kt_wire_shape_t *element = kt_wire_shape(key);
    size_t                 n       = random_number(seed) % (max + 1);
    char                  *rows    = take(n * element->bytes);
    for (size_t i = 0; i < n; i++)
        fill(element, rows + i * element->bytes, seed, 3);
    return (kt_wire_list_t){rows, n};
}

static void
fill(const kt_wire_shape_t *shape, char *row, unsigned *seed, size_t max_items)
{
    for (size_t i = 0; i < shape->n; i++) {
        const kt_wire_field_t *field = &shape->fields[i];
        void                  *at    = row + field->offset;
        switch (field->type) {
        case KT_WIRE_TYPE_U64: *(uint64_t *)at = random_u64(seed); break;
        case KT_WIRE_TYPE_I64: *(int64_t *)at = (int64_t)random_u64(seed) * (random_number(seed) & 1 ? 1 : -1); break;
        case KT_WIRE_TYPE_F64: *(double *)at = random_number(seed) / 7.0; break;
        case KT_WIRE_TYPE_BOOL: *(bool *)at = random_number(seed) & 1; break;
        case KT_WIRE_TYPE_STR:
        case KT_WIRE_TYPE_BIN: *(kt_bytes_t *)at = random_bytes(seed, field->max); break;
        case KT_WIRE_TYPE_LIST: {
            kt_wire_list_t list = random_list(field->element, seed, field->max < max_items ? field->max : max_items);
            memcpy(at, &list, sizeof list);
            break;
        }
        }
    }
}

static bool
same_row(const kt_wire_shape_t *shape, const char *a, const char *b)
{
    for (size_t i = 0; i < shape->n; i++) {
        const kt_wire_field_t *field = &shape->fields[i];
        kt_wire_list_t         x, y;  // a kt_bytes_t looks the same
        memcpy(&x, a + field->offset, field->type >= KT_WIRE_TYPE_STR ? sizeof x : 0);
        memcpy(&y, b + field->offset, field->type >= KT_WIRE_TYPE_STR ? sizeof y : 0);
        if (field->type < KT_WIRE_TYPE_BOOL && memcmp(a + field->offset, b + field->offset, 8))
            return false;
        if (field->type == KT_WIRE_TYPE_BOOL && a[field->offset] != b[field->offset])
            return false;
        if (field->type >= KT_WIRE_TYPE_STR && x.n != y.n)
            return false;
        if ((field->type == KT_WIRE_TYPE_STR || field->type == KT_WIRE_TYPE_BIN) && x.n && memcmp(x.at, y.at, x.n))
            return false;
        const kt_wire_shape_t *element = field->type == KT_WIRE_TYPE_LIST ? kt_wire_shape(field->element) : NULL;
        for (size_t k = 0; element && k < x.n; k++)
            if (!same_row(element, x.at + k * element->bytes, y.at + k * element->bytes))
                return false;
    }
    return true;
}

bool
same_message(const kt_msg_t *a, const kt_msg_t *b)
{
    return a->type == b->type && same_row(kt_wire_shape(a->type), (const char *)&a->hello, (const char *)&b->hello);
}

kt_msg_t
random_message(kt_msg_type_t type, unsigned *seed, size_t max_items)
{
    kt_msg_t msg = {.type = type};
    used         = 0;
    fill(kt_wire_shape(type), (char *)&msg.hello, seed, max_items);
    return msg;
}
