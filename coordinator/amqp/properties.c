#include "coordinator/amqp/properties.h"

#include "common/text.h"
#include "coordinator/amqp/connection.h"
#include "proto/job_relax.h"

#include <amqp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PERSISTENT  = 2,
    POOL_BYTES  = 4096,
    ENCODED_MAX = 64 << 10,  // they must fit into one frame, with ours
    ANSWER_MAX  = 1024,
    HEADERS     = 6,  // ours, at most
};

struct kt_amqp_properties {
    amqp_basic_properties_t all;
    amqp_pool_t             pool;     // of what is decoded
    amqp_table_entry_t     *headers;  // the heap's
    char                    reply_to[KT_AMQP_PART_BYTES];
    char                    version[32];
};
static const int64_t SECONDS_MOST = 100000000000;  // of a timestamp in seconds; a greater one is in milliseconds

const char        KT_AMQP_ROW_HEADER[] = "x-kithara-row";
static const char WARNING_HEADER[]     = "x-kithara-warning";

static bool
is_named(const amqp_table_entry_t *entry, const char *name)
{
    return entry->key.len == strlen(name) && !memcmp(entry->key.bytes, name, entry->key.len);
}

static const amqp_field_value_t *
find_header(const amqp_basic_properties_t *properties, const char *name)
{
    for (int i = 0; properties->_flags & AMQP_BASIC_HEADERS_FLAG && i < properties->headers.num_entries; i++)
        if (is_named(&properties->headers.entries[i], name))
            return &properties->headers.entries[i].value;
    return NULL;
}

static bool
read_integer(const amqp_field_value_t *value, int64_t *out)
{
    switch (value ? value->kind : 0) {
    case AMQP_FIELD_KIND_I64:
    case AMQP_FIELD_KIND_TIMESTAMP: *out = value->value.i64; return true;
    case AMQP_FIELD_KIND_I32: *out = value->value.i32; return true;
    case AMQP_FIELD_KIND_I8: *out = value->value.i8; return true;
    case AMQP_FIELD_KIND_BOOLEAN: *out = value->value.boolean != 0; return true;
    default: return false;
    }
}

static bool
is_true(const amqp_field_value_t *value)
{
    int64_t number;
    if (value && value->kind == AMQP_FIELD_KIND_UTF8)
        return value->value.bytes.len == 4 && !memcmp(value->value.bytes.bytes, "true", 4);
    return read_integer(value, &number) && number == 1;
}

bool
kt_amqp_properties_of_stream(const amqp_basic_properties_t *properties)
{
    return find_header(properties, "x-stream-offset") != NULL;
}

// The header is that of RabbitMQ's timestamp plugin.
static int64_t
read_sent_ms(const amqp_basic_properties_t *properties)
{
    int64_t ms = 0;
    if (read_integer(find_header(properties, "timestamp_in_ms"), &ms) && ms > 0)
        return ms;
    if (!(properties->_flags & AMQP_BASIC_TIMESTAMP_FLAG) || properties->timestamp > INT64_MAX)
        return 0;
    int64_t stamp = (int64_t)properties->timestamp;
    return stamp >= SECONDS_MOST ? stamp : stamp * 1000;
}

static char *
copy_bytes(const void *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy && length)
        memcpy(copy, bytes, length);
    return copy;
}

static kt_err_t
keep_answer(kt_delivery_t *delivery, const amqp_basic_properties_t *properties, const char *warning)
{
    const amqp_flags_t      FLAGS = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG;
    amqp_basic_properties_t kept  = *properties;
    amqp_table_entry_t      entry = kt_amqp_text_entry(WARNING_HEADER, warning);
    char                    bytes[ANSWER_MAX];
    kept._flags &= FLAGS;
    if (*warning) {
        kept._flags |= AMQP_BASIC_HEADERS_FLAG;
        kept.headers = (amqp_table_t){1, &entry};
    }
    if (!kept._flags)
        return KT_OK;
    int length = amqp_encode_properties(AMQP_BASIC_CLASS, &kept, (amqp_bytes_t){sizeof bytes, bytes});
    if (length < 0)
        return KT_OK;  // two short strings and a warning always fit
    char *answer = copy_bytes(bytes, (size_t)length);
    if (!answer)
        return KT_ENOMEM;
    free(delivery->answer);
    delivery->answer   = answer;
    delivery->n_answer = (size_t)length;
    return KT_OK;
}

kt_err_t
kt_amqp_properties_warn(kt_delivery_t *delivery, const char *warning)
{
    static const amqp_basic_properties_t none = {0};
    amqp_pool_t                          pool;
    void                                *decoded = NULL;
    init_amqp_pool(&pool, POOL_BYTES);
    bool any =
        delivery->answer && !amqp_decode_properties(AMQP_BASIC_CLASS, &pool,
                                                    (amqp_bytes_t){delivery->n_answer, delivery->answer}, &decoded);
    kt_err_t err = keep_answer(delivery, any ? decoded : &none, warning);
    empty_amqp_pool(&pool);
    return err;
}

kt_err_t
kt_amqp_properties_read(kt_delivery_t *delivery, const amqp_basic_properties_t *properties, const void *raw,
                        size_t raw_bytes)
{
    amqp_bytes_t id = properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG ? properties->message_id : amqp_empty_bytes;
    kt_text_sanitize(delivery->message_id, sizeof delivery->message_id, id.len ? id.bytes : "", id.len);
    delivery->bad_id  = id.len && (id.len >= sizeof delivery->message_id || !kt_text_is_utf8(id.bytes, id.len));
    delivery->replay  = is_true(find_header(properties, "x-kithara-replay"));
    delivery->sent_ms = read_sent_ms(properties);
    if (raw_bytes && raw_bytes <= ENCODED_MAX) {
        delivery->n_properties = raw_bytes;
        delivery->properties   = copy_bytes(raw, raw_bytes);
        if (!delivery->properties)
            return KT_ENOMEM;
    }
    return keep_answer(delivery, properties, "");
}

static void
add_text(kt_amqp_properties_t *self, const char *name, const char *text)
{
    self->headers[self->all.headers.num_entries++] = kt_amqp_text_entry(name, text);
}

static void
add_row(kt_amqp_properties_t *self, const kt_outbox_row_t *row)
{
    self->headers[self->all.headers.num_entries++] =
        (amqp_table_entry_t){.key   = amqp_cstring_bytes(KT_AMQP_ROW_HEADER),
                             .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = (int64_t)row->id}};
}

static void
add_bytes(kt_amqp_properties_t *self, const char *name, amqp_bytes_t bytes)
{
    self->headers[self->all.headers.num_entries++] = (amqp_table_entry_t){
        .key = amqp_cstring_bytes(name), .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes}};
}

static void
make_dead(kt_amqp_properties_t *self, const kt_outbox_row_t *row, const amqp_basic_properties_t *came)
{
    static const char *const OURS[] = {"x-kithara-error", "x-kithara-reason", "x-kithara-expiration",
                                       "x-kithara-user-id"};
    self->all                       = *came;
    self->all.headers               = (amqp_table_t){0, self->headers};
    for (int i = 0; came->_flags & AMQP_BASIC_HEADERS_FLAG && i < came->headers.num_entries; i++) {
        bool ours = is_named(&came->headers.entries[i], KT_AMQP_ROW_HEADER);
        for (size_t k = 0; k < sizeof OURS / sizeof *OURS; k++)
            ours = ours || is_named(&came->headers.entries[i], OURS[k]);
        if (!ours)
            self->headers[self->all.headers.num_entries++] = came->headers.entries[i];
    }
    add_row(self, row);
    add_text(self, OURS[0], kt_err_name(row->err));
    add_text(self, OURS[1], row->reason);
    if (came->_flags & AMQP_BASIC_EXPIRATION_FLAG)
        add_bytes(self, OURS[2], came->expiration);
    if (came->_flags & AMQP_BASIC_USER_ID_FLAG)
        add_bytes(self, OURS[3], came->user_id);
    self->all._flags &= ~(amqp_flags_t)(AMQP_BASIC_EXPIRATION_FLAG | AMQP_BASIC_USER_ID_FLAG);
    self->all._flags |= AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
    self->all.delivery_mode = PERSISTENT;
}

static void
make_answer(kt_amqp_properties_t *self, const kt_outbox_row_t *row, const amqp_basic_properties_t *came)
{
    self->all = (amqp_basic_properties_t){._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG |
                                                    AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
                                                    AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG,
                                          .delivery_mode = PERSISTENT,
                                          .content_type  = amqp_cstring_bytes("application/json"),
                                          .timestamp     = (uint64_t)(row->created_ms > 0 ? row->created_ms / 1000 : 0),
                                          .type          = amqp_cstring_bytes("kithara.result"),
                                          .app_id        = amqp_cstring_bytes("kithara"),
                                          .message_id    = amqp_cstring_bytes(row->message_id),
                                          .headers       = {0, self->headers}};
    add_row(self, row);
    self->headers[self->all.headers.num_entries++] =
        (amqp_table_entry_t){.key   = amqp_cstring_bytes("success"),
                             .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = row->err == KT_OK}};
    if (kt_job_find_text(row->bytes, row->n_bytes, "analysis_version", self->version, sizeof self->version))
        add_text(self, "x-kithara-analysis-version", self->version);
    const amqp_field_value_t *warning = find_header(came, WARNING_HEADER);
    if (warning && warning->kind == AMQP_FIELD_KIND_UTF8)
        add_bytes(self, WARNING_HEADER, warning->value.bytes);
    if (*row->message_id)
        self->all._flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
    if (came->_flags & AMQP_BASIC_CORRELATION_ID_FLAG) {
        self->all.correlation_id = came->correlation_id;
        self->all._flags |= AMQP_BASIC_CORRELATION_ID_FLAG;
    }
    if (came->_flags & AMQP_BASIC_REPLY_TO_FLAG && came->reply_to.len < sizeof self->reply_to) {
        memcpy(self->reply_to, came->reply_to.bytes, came->reply_to.len);
        self->reply_to[came->reply_to.len] = '\0';
    }
}

kt_err_t
kt_amqp_properties_new(kt_amqp_properties_t **self_p, const kt_outbox_row_t *row)
{
    static const amqp_basic_properties_t none = {0};
    const amqp_basic_properties_t       *came = &none;
    void                                *decoded;
    kt_amqp_properties_t                *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    init_amqp_pool(&self->pool, POOL_BYTES);
    amqp_bytes_t encoded = {row->n_properties, row->properties};
    if (row->properties && !amqp_decode_properties(AMQP_BASIC_CLASS, &self->pool, encoded, &decoded))
        came = decoded;
    size_t n      = came->_flags & AMQP_BASIC_HEADERS_FLAG ? (size_t)came->headers.num_entries : 0;
    self->headers = calloc(n + HEADERS, sizeof *self->headers);
    if (!self->headers) {
        kt_amqp_properties_destroy(&self);
        return KT_ENOMEM;
    }
    if (row->kind == KT_OUTBOX_DEAD)
        make_dead(self, row, came);
    else
        make_answer(self, row, came);
    *self_p = self;
    return KT_OK;
}

void
kt_amqp_properties_destroy(kt_amqp_properties_t **self_p)
{
    kt_amqp_properties_t *self = *self_p;
    if (!self)
        return;
    empty_amqp_pool(&self->pool);
    free(self->headers);
    free(self);
    *self_p = NULL;
}

const amqp_basic_properties_t *
kt_amqp_properties_all(const kt_amqp_properties_t *self)
{
    return &self->all;
}

const char *
kt_amqp_properties_reply_to(const kt_amqp_properties_t *self)
{
    return self->reply_to;
}
