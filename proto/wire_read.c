// Decoding. The unpacker of msgpack-c allocates memory for as many elements as a head claims before it reads them, so
// five untrusted bytes could allocate gigabytes. This reader checks each length and count against the table and the
// remaining bytes before it uses them.
#include "proto/wire.h"
#include "proto/wire_table.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const uint8_t *at, *end;
    char          *memory;  // for lists
    size_t         capacity;
    size_t         used;  // greater than capacity if the arena is too small: the size needed
} reader_t;

typedef enum kind { BAD, NIL, FALSE, TRUE, UINT, INT, F32, F64, STR, BIN, EXT, ARRAY, MAP } kind_t;

typedef struct head {
    kind_t   kind;
    uint64_t number;  // the integer (INT: sign-extended), the float's bits, a length in bytes or a count
} head_t;

// First bytes 0xc0 to 0xdf of the MessagePack specification: what follows, and the width of its number. The extensions
// of fixed length (0xd4 to 0xd8) have their length in the first byte.
static const struct {
    kind_t  kind;
    uint8_t width;
} HEADS[32] = {
    {NIL, 0}, {BAD, 0}, {FALSE, 0}, {TRUE, 0}, {BIN, 1},   {BIN, 2},   {BIN, 4},  {EXT, 1},
    {EXT, 2}, {EXT, 4}, {F32, 4},   {F64, 8},  {UINT, 1},  {UINT, 2},  {UINT, 4}, {UINT, 8},
    {INT, 1}, {INT, 2}, {INT, 4},   {INT, 8},  {EXT, 0},   {EXT, 0},   {EXT, 0},  {EXT, 0},
    {EXT, 0}, {STR, 1}, {STR, 2},   {STR, 4},  {ARRAY, 2}, {ARRAY, 4}, {MAP, 2},  {MAP, 4},
};

static size_t
bytes_left(const reader_t *self)
{
    return (size_t)(self->end - self->at);
}

static head_t
read_long_head(reader_t *self, uint8_t first)
{
    size_t   row    = first - 0xc0u;
    size_t   width  = HEADS[row].width;
    kind_t   kind   = HEADS[row].kind;
    uint64_t number = 0;
    if (bytes_left(self) < width)
        return (head_t){BAD, 0};
    for (size_t i = 0; i < width; i++)  // big-endian
        number = number << 8 | *self->at++;
    if (kind == INT && width && width < 8 && number >> (8 * width - 1))
        number |= UINT64_MAX << (8 * width);
    if (kind == EXT)
        number = 1 + (width ? number : 1u << (first - 0xd4u));  // its type byte first
    return (head_t){kind, number};
}

// The next head; BAD if there is none. The body of a bin, str or ext is complete; for an array or map at least one byte
// per element is left.
static head_t
next_head(reader_t *self)
{
    if (self->at == self->end)
        return (head_t){BAD, 0};
    uint8_t first = *self->at++;
    if (first < 0x80)
        return (head_t){UINT, first};
    if (first >= 0xe0)
        return (head_t){INT, (uint64_t)(int8_t)first};
    head_t head;
    if (first < 0x90)
        head = (head_t){MAP, first & 0x0fu};
    else if (first < 0xa0)
        head = (head_t){ARRAY, first & 0x0fu};
    else if (first < 0xc0)
        head = (head_t){STR, first & 0x1fu};
    else
        head = read_long_head(self, first);
    if (head.kind >= STR && head.number > bytes_left(self))
        return (head_t){BAD, 0};
    return head;
}

// Skips one value of any type and depth by counting open elements: no recursion, and at most one step per byte.
static kt_err_t
skip_value(reader_t *self)
{
    for (uint64_t open = 1; open; open--) {
        head_t head = next_head(self);
        if (head.kind == BAD)
            return KT_EMESSAGE;
        if (head.kind == STR || head.kind == BIN || head.kind == EXT)
            self->at += head.number;
        else if (head.kind == ARRAY)
            open += head.number;
        else if (head.kind == MAP)
            open += 2 * head.number;
    }
    return KT_OK;
}

static kt_err_t
read_bytes(reader_t *self, head_t head, kind_t kind, uint32_t max, kt_bytes_t *out)
{
    if (head.kind != kind || head.number > max)
        return KT_EMESSAGE;
    *out = (kt_bytes_t){(const char *)self->at, head.number};
    self->at += head.number;
    return KT_OK;
}

static kt_err_t
read_scalar(reader_t *self, head_t head, const kt_wire_field_t *field, void *out)
{
    bool     negative = head.kind == INT && head.number >> 63;
    bool     whole    = head.kind == INT || head.kind == UINT;
    uint32_t bits     = (uint32_t)head.number;
    float    single;
    switch (field->type) {
    case KT_WIRE_TYPE_U64:
        if (!whole || negative)
            return KT_EMESSAGE;
        *(uint64_t *)out = head.number;
        return KT_OK;
    case KT_WIRE_TYPE_I64:
        if (!whole || (!negative && head.number > INT64_MAX))
            return KT_EMESSAGE;
        *(int64_t *)out = (int64_t)head.number;
        return KT_OK;
    case KT_WIRE_TYPE_BOOL:
        if (head.kind != TRUE && head.kind != FALSE)
            return KT_EMESSAGE;
        *(bool *)out = head.kind == TRUE;
        return KT_OK;
    case KT_WIRE_TYPE_F64:
        if (head.kind == F64) {
            memcpy(out, &head.number, sizeof(double));
        } else if (head.kind == F32) {
            memcpy(&single, &bits, sizeof single);
            *(double *)out = (double)single;
        } else {
            return KT_EMESSAGE;
        }
        return KT_OK;
    case KT_WIRE_TYPE_STR: return read_bytes(self, head, STR, field->max, out);
    case KT_WIRE_TYPE_BIN: return read_bytes(self, head, BIN, field->max, out);
    case KT_WIRE_TYPE_LIST: break;
    }
    return KT_EMESSAGE;
}

static kt_err_t read_fields(reader_t *self, const kt_wire_shape_t *shape, uint64_t n, char *row);

// Reads elements into the arena. KT_EFULL: it is too small; `used` is then the size needed so far.
static kt_err_t  // NOLINTNEXTLINE(misc-no-recursion): follows the table, two levels deep
read_list(reader_t *self, head_t head, const kt_wire_field_t *field, char *out)
{
    if (head.kind != ARRAY || head.number > field->max)
        return KT_EMESSAGE;
    const kt_wire_shape_t *element = kt_wire_shape(field->element);
    kt_wire_list_t         list    = {NULL, head.number};
    size_t                 start   = self->used;
    if (!list.n)
        return KT_OK;
    self->used += (list.n * element->bytes + 15) & ~(size_t)15;
    if (self->used > self->capacity)
        return KT_EFULL;
    char *rows = self->memory + start;
    for (size_t i = 0; i < list.n; i++) {
        head_t one = next_head(self);
        if (one.kind != ARRAY)
            return KT_EMESSAGE;
        kt_err_t err = read_fields(self, element, one.number, rows + i * element->bytes);
        if (err)
            return err;
    }
    list.at = rows;
    memcpy(out, &list, sizeof list);
    return KT_OK;
}

// Reads n fields into a row. An older peer sends fewer: the others are zero. A newer peer sends more: they are skipped.
static kt_err_t  // NOLINTNEXTLINE(misc-no-recursion): as read_list
read_fields(reader_t *self, const kt_wire_shape_t *shape, uint64_t n, char *row)
{
    kt_err_t err = KT_OK;
    memset(row, 0, shape->bytes);
    for (uint64_t i = 0; i < n && !err; i++) {
        if (i >= shape->n) {
            err = skip_value(self);
            continue;
        }
        const kt_wire_field_t *field = &shape->fields[i];
        head_t                 head  = next_head(self);
        if (field->type == KT_WIRE_TYPE_LIST)
            err = read_list(self, head, field, row + field->offset);
        else
            err = read_scalar(self, head, field, row + field->offset);
    }
    return err;
}

static kt_err_t
read_wire_message(reader_t *self, kt_msg_t *out)
{
    head_t all = next_head(self);
    head_t id  = next_head(self);
    if (all.kind != ARRAY || !all.number || id.kind != UINT || id.number > KT_WIRE_MAX_ID)
        return KT_EMESSAGE;
    const kt_wire_shape_t *shape = kt_wire_shape(id.number);
    if (!shape)
        return KT_EMESSAGE;
    out->type    = (kt_msg_type_t)id.number;
    kt_err_t err = read_fields(self, shape, all.number - 1, (char *)out + offsetof(kt_msg_t, hello));
    if (!err && self->at != self->end)
        err = KT_EMESSAGE;
    return err;
}

// If the arena is too small, the message is read again from its start with a larger one, so that no pointer into the
// old memory remains. The arena only grows, up to a bound given by the table, so later messages allocate nothing.
kt_err_t
kt_wire_decode(const void *bytes, size_t length, kt_wire_arena_t *arena, kt_msg_t *out)
{
    kt_msg_t msg;
    kt_err_t err;
    if (!length)
        return KT_EMESSAGE;
    do {
        const uint8_t *at     = bytes;
        reader_t       reader = {at, at + length, arena->bytes, arena->capacity, 0};
        err                   = read_wire_message(&reader, &msg);
        if (err == KT_EFULL) {
            size_t capacity = arena->capacity ? 2 * arena->capacity : 4096;
            if (capacity < reader.used)
                capacity = reader.used;
            char *larger = malloc(capacity);
            if (!larger)
                return KT_ENOMEM;
            free(arena->bytes);
            *arena = (kt_wire_arena_t){larger, capacity};
        }
    } while (err == KT_EFULL);
    if (err)
        return err;
    out->type = msg.type;
    memcpy((char *)out + offsetof(kt_msg_t, hello), (char *)&msg + offsetof(kt_msg_t, hello),
           kt_wire_shape(msg.type)->bytes);
    return KT_OK;
}
