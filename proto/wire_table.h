// kt_wire_shape -- messages.def as data for encoder and decoder: the fields of a message or list element with type,
// bound and offset in the struct. Constant; any thread. Private to proto/.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum kt_wire_type {
    KT_WIRE_TYPE_U64,
    KT_WIRE_TYPE_I64,
    KT_WIRE_TYPE_F64,
    KT_WIRE_TYPE_BOOL,
    KT_WIRE_TYPE_STR,
    KT_WIRE_TYPE_BIN,
    KT_WIRE_TYPE_LIST,
} kt_wire_type_t;

typedef struct kt_wire_field {
    const char    *name;
    kt_wire_type_t type;
    uint16_t       element;  // LIST: key of its elements' shape
    uint32_t       max;      // bytes of STR and BIN, elements of LIST
    size_t         offset;
} kt_wire_field_t;

typedef struct kt_wire_shape {
    const char            *name;
    const kt_wire_field_t *fields;
    size_t                 n;
    size_t                 bytes;  // of the struct
} kt_wire_shape_t;

// Keys of shapes: the id of a message; the keys of items follow after all ids.
// clang-format off
enum {
    KT_WIRE_MAX_ID = 255,
#define KT_END
#define KT_MSG(NAME, name, id, meaning)
#define KT_ITEM(name, meaning) KT_WIRE_ITEM_##name,
#define KT_LIST(element, name, max, meaning)
#define KT_FIELD(type, name, max, meaning)
#include "proto/messages.def"
#undef KT_END
#undef KT_MSG
#undef KT_ITEM
#undef KT_LIST
#undef KT_FIELD
    KT_WIRE_KEYS
};
// clang-format on

// NULL: no shape has this key.
const kt_wire_shape_t *kt_wire_shape(uint64_t key);

// The layout of every LIST field, for code that works on the table alone; copied by memcpy.
typedef struct kt_wire_list {
    const char *at;
    size_t      n;
} kt_wire_list_t;
