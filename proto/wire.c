#include "proto/wire.h"

#include "common/text.h"
#include "proto/wire_table.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

// The table. Each row opens a scope, so that offsetof can use one name for the struct's type.
// clang-format off
#define SCOPE(key, type, text) \
    case key: { typedef struct type row_t; static const char shape_name[] = text; \
    static const kt_wire_field_t fields[] = {
#define KT_MSG(NAME, name, id, meaning) SCOPE(id, kt_msg_##name, #NAME)
#define KT_ITEM(name, meaning) SCOPE(KT_WIRE_ITEM_##name, kt_wire_##name, #name)
#define KT_FIELD(kind, label, limit, meaning) {#label, KT_WIRE_TYPE_##kind, 0, limit, offsetof(row_t, label)},
#define KT_LIST(item, label, limit, meaning) \
    {#label, KT_WIRE_TYPE_LIST, KT_WIRE_ITEM_##item, limit, offsetof(row_t, label)},
#define KT_END }; static const kt_wire_shape_t shape = \
    {shape_name, fields, sizeof fields / sizeof *fields, sizeof(row_t)}; \
    return &shape; }

const kt_wire_shape_t *
kt_wire_shape(uint64_t key)
{
    switch (key) {
#include "proto/messages.def"
    }
    return NULL;
}
#undef SCOPE
#undef KT_MSG
#undef KT_ITEM
#undef KT_FIELD
#undef KT_LIST
#undef KT_END
// clang-format on

static const kt_wire_shape_t *
message_shape(kt_msg_type_t type)
{
    unsigned id = (unsigned)type;
    return id <= KT_WIRE_MAX_ID ? kt_wire_shape(id) : NULL;
}

// The union of kt_msg_t has no name; all its messages start at the same offset.
static const char *
message_row(const kt_msg_t *msg)
{
    return (const char *)msg + offsetof(kt_msg_t, hello);
}

static kt_wire_list_t
list_at(const char *at)
{
    kt_wire_list_t list;
    memcpy(&list, at, sizeof list);
    return list;
}

static kt_bytes_t
bytes_at(const char *at)
{
    kt_bytes_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

// Upper bound of a row's encoding, or 0 if a field exceeds its bound.
static size_t  // NOLINTNEXTLINE(misc-no-recursion): follows the table, two levels deep
measure_row(const kt_wire_shape_t *shape, const char *row)
{
    size_t total = 5;
    for (size_t i = 0; i < shape->n; i++) {
        const kt_wire_field_t *field = &shape->fields[i];
        const char            *at    = row + field->offset;
        total += 9;  // the longest number, and more than any head
        if (field->type == KT_WIRE_TYPE_STR || field->type == KT_WIRE_TYPE_BIN) {
            size_t n = bytes_at(at).n;
            if (n > field->max)
                return 0;
            total += n;
        } else if (field->type == KT_WIRE_TYPE_LIST) {
            const kt_wire_shape_t *element = kt_wire_shape(field->element);
            kt_wire_list_t         list    = list_at(at);
            if (list.n > field->max)
                return 0;
            for (size_t k = 0; k < list.n; k++) {
                size_t n = measure_row(element, list.at + k * element->bytes);
                if (!n)
                    return 0;
                total += n;
            }
        }
    }
    return total;
}

static int
append_packed(void *out, const char *bytes, size_t n)
{
    kt_buf_add(out, bytes, n);
    return 0;  // the buffer stores a failure
}

static void pack_fields(msgpack_packer *packer, const kt_wire_shape_t *shape, const char *row);

static void  // NOLINTNEXTLINE(misc-no-recursion): follows the table, two levels deep
pack_list(msgpack_packer *packer, const kt_wire_shape_t *element, kt_wire_list_t list)
{
    msgpack_pack_array(packer, list.n);
    for (size_t i = 0; i < list.n; i++) {
        msgpack_pack_array(packer, element->n);
        pack_fields(packer, element, list.at + i * element->bytes);
    }
}

static void  // NOLINTNEXTLINE(misc-no-recursion): as pack_list
pack_fields(msgpack_packer *packer, const kt_wire_shape_t *shape, const char *row)
{
    for (size_t i = 0; i < shape->n; i++) {
        const kt_wire_field_t *field = &shape->fields[i];
        const void            *at    = row + field->offset;
        switch (field->type) {
        case KT_WIRE_TYPE_U64: msgpack_pack_uint64(packer, *(const uint64_t *)at); break;
        case KT_WIRE_TYPE_I64: msgpack_pack_int64(packer, *(const int64_t *)at); break;
        case KT_WIRE_TYPE_F64: msgpack_pack_double(packer, *(const double *)at); break;
        case KT_WIRE_TYPE_BOOL: *(const bool *)at ? msgpack_pack_true(packer) : msgpack_pack_false(packer); break;
        case KT_WIRE_TYPE_STR:
        case KT_WIRE_TYPE_BIN: {
            kt_bytes_t bytes = bytes_at(at);
            if (field->type == KT_WIRE_TYPE_STR)
                msgpack_pack_str(packer, bytes.n);
            else
                msgpack_pack_bin(packer, bytes.n);
            if (bytes.n)
                msgpack_pack_str_body(packer, bytes.at, bytes.n);  // the body of a bin is the same
            break;
        }
        case KT_WIRE_TYPE_LIST: pack_list(packer, kt_wire_shape(field->element), list_at(at)); break;
        }
    }
}

kt_err_t
kt_wire_encode(const kt_msg_t *msg, kt_buf_t *out)
{
    const kt_wire_shape_t *shape = message_shape(msg->type);
    if (!shape || !measure_row(shape, message_row(msg)))
        return KT_EINVAL;
    if (out->err)
        return out->err;
    size_t         before = out->length;
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, append_packed);
    msgpack_pack_array(&packer, 1 + shape->n);
    msgpack_pack_uint64(&packer, msg->type);
    pack_fields(&packer, shape, message_row(msg));
    if (out->err)
        out->length = before;  // drop the partial message
    if (out->err && out->bytes)
        out->bytes[before] = '\0';
    return out->err;
}

size_t
kt_wire_work_bytes(const kt_wire_work_t *item)
{
    return measure_row(kt_wire_shape(KT_WIRE_ITEM_work), (const char *)item);
}

const char *
kt_msg_name(kt_msg_type_t type)
{
    const kt_wire_shape_t *shape = message_shape(type);
    return shape ? shape->name : "?";
}

kt_bytes_t
kt_bytes_of(const char *text)
{
    return (kt_bytes_t){text, text ? strlen(text) : 0};
}

void
kt_bytes_copy(char *out, size_t capacity, kt_bytes_t bytes)
{
    if (bytes.n)
        kt_text_sanitize(out, capacity, bytes.at, bytes.n);
    else if (capacity)
        *out = '\0';
}

void
kt_wire_arena_fini(kt_wire_arena_t *self)
{
    free(self->bytes);
    *self = (kt_wire_arena_t){0};
}
