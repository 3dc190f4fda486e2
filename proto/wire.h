// kt_wire -- messages between coordinator and node: MessagePack bodies generated from one table (messages.def);
// PROTOCOL.md describes them. The structs are generated too; their texts, bytes and lists are borrowed:
//   kt_msg_batch_t   {uint64_t number; struct {const kt_wire_work_t *at; size_t n;} items;}
//   STR, BIN fields  kt_bytes_t {const char *at; size_t n;}
#pragma once

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A node of this build works for coordinators from KT_WIRE_LEAST on. A coordinator takes nodes from KT_WIRE_LEAST_NODE
// on: those before bring no credentials.
enum { KT_WIRE_VERSION = 2, KT_WIRE_LEAST = 1, KT_WIRE_LEAST_NODE = 2 };

typedef struct kt_bytes {
    const char *at;
    size_t      n;
} kt_bytes_t;

kt_bytes_t kt_bytes_of(const char *text);                                // borrowed
void       kt_bytes_copy(char *out, size_t capacity, kt_bytes_t bytes);  // bounded, sanitised to UTF-8, terminated

// clang-format off
#define KT_WIRE_U64  uint64_t
#define KT_WIRE_I64  int64_t
#define KT_WIRE_F64  double
#define KT_WIRE_BOOL bool
#define KT_WIRE_STR  kt_bytes_t
#define KT_WIRE_BIN  kt_bytes_t
#define KT_FIELD(type, name, max, meaning) KT_WIRE_##type name;
#define KT_LIST(element, name, max, meaning) struct { const struct kt_wire_##element *at; size_t n; } name;
#define KT_ITEM(name, meaning) typedef struct kt_wire_##name kt_wire_##name##_t; struct kt_wire_##name {
#define KT_MSG(NAME, name, id, meaning) typedef struct kt_msg_##name kt_msg_##name##_t; struct kt_msg_##name {
#define KT_END };
#include "proto/messages.def"
#undef KT_END
#undef KT_MSG
#undef KT_ITEM
#undef KT_LIST
#undef KT_FIELD

typedef enum kt_msg_type {
#define KT_END
#define KT_MSG(NAME, name, id, meaning) KT_MSG_##NAME = id,
#define KT_ITEM(name, meaning)
#define KT_LIST(element, name, max, meaning)
#define KT_FIELD(type, name, max, meaning)
#include "proto/messages.def"
#undef KT_MSG
} kt_msg_type_t;

typedef struct kt_msg {
    kt_msg_type_t type;
    union {
#define KT_MSG(NAME, name, id, meaning) kt_msg_##name##_t name;
#include "proto/messages.def"
#undef KT_END
#undef KT_MSG
#undef KT_ITEM
#undef KT_LIST
#undef KT_FIELD
    };
} kt_msg_t;
// clang-format on

const char *kt_msg_name(kt_msg_type_t type);  // "HELLO"; "?" if unknown

// Memory of decoded lists, reused from message to message; one thread. Zeroed is empty.
typedef struct kt_wire_arena {
    char  *bytes;
    size_t capacity;
} kt_wire_arena_t;
void kt_wire_arena_fini(kt_wire_arena_t *self);

// Appends one message. KT_EINVAL: a field exceeds its bound (the caller checks sizes first). Other failures are in
// out->err, too.
KT_MUST_USE kt_err_t kt_wire_encode(const kt_msg_t *msg, kt_buf_t *out);
// Decodes bytes from the network. Every count and length is checked against the table and the remaining bytes before
// memory is allocated for it. The message borrows from bytes and arena until either is used again. KT_EMESSAGE
// (malformed, unknown id, over a bound), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_wire_decode(const void *bytes, size_t length, kt_wire_arena_t *arena, kt_msg_t *out);
// Upper bound of the encoded size of a work item, for packing frames below KT_MAX_FRAME_BYTES; 0 if one of its fields
// exceeds its bound, so that no message can contain it.
size_t kt_wire_work_bytes(const kt_wire_work_t *item);
