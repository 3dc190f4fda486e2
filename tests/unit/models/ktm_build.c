#include "tests/unit/models/ktm_build.h"

#include "common/assert.h"
#include "common/buf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ALIGN = 64, FIXED = 32, MOST = 8 << 20 };

static const size_t      type_bytes[] = {[KT_KTM_F32] = 4, [KT_KTM_F16] = 2, [KT_KTM_I8] = 1};
static const char *const type_names[] = {[KT_KTM_F32] = "f32", [KT_KTM_F16] = "f16", [KT_KTM_I8] = "i8"};

void
ktm_seal(uint8_t *bytes, size_t length)
{
    XXH128_canonical_t checksum;
    if (length < FIXED)
        return;
    XXH128_canonicalFromHash(&checksum, XXH3_128bits(bytes + FIXED, length - FIXED));
    memcpy(bytes + 16, &checksum, sizeof checksum);
}

uint8_t *
ktm_build_raw(const char *header, size_t header_length, const void *data, size_t data_length, size_t *length)
{
    static const uint8_t magic[8] = {0x89, 'K', 'T', 'M', '\r', '\n', 0x1A, '\n'};
    uint32_t             fixed[2] = {1, (uint32_t)header_length};
    size_t               begin    = (FIXED + header_length + ALIGN - 1) / ALIGN * ALIGN;
    *length                       = begin + data_length;
    uint8_t *out                  = aligned_alloc(ALIGN, (*length + ALIGN - 1) / ALIGN * ALIGN);
    kt_assert(out);
    memset(out, 0, begin);
    memcpy(out, magic, sizeof magic);
    memcpy(out + sizeof magic, fixed, sizeof fixed);
    memcpy(out + FIXED, header, header_length);
    if (data_length)
        memcpy(out + begin, data, data_length);
    ktm_seal(out, *length);
    return out;
}

static void
add_padding(kt_buf_t *data)
{
    static const char zeros[ALIGN];
    kt_buf_add(data, zeros, (ALIGN - data->length % ALIGN) % ALIGN);
}

static void
add_tensors(const ktm_tensor_t *tensors, kt_buf_t *table, kt_buf_t *data)
{
    for (size_t i = 0; i < KTM_BUILD_TENSORS && tensors[i].name; i++) {
        const ktm_tensor_t *tensor = &tensors[i];
        size_t              count  = 1;
        add_padding(data);
        kt_buf_fmt(table, "%s{'name':'%s','type':'%s','offset':%zu,'shape':[", i ? "," : "", tensor->name,
                   type_names[tensor->type], data->length);
        for (int d = 0; d < tensor->rank; d++) {
            kt_buf_fmt(table, "%s%" PRId64, d ? "," : "", tensor->dims[d]);
            count *= (size_t)tensor->dims[d];
        }
        kt_buf_str(table, "]");
        if (tensor->scale)
            kt_buf_fmt(table, ",'scale':'%s'", tensor->scale);
        kt_buf_str(table, "}");
        kt_buf_add(data, tensor->data, count * type_bytes[tensor->type]);
    }
}

uint8_t *
ktm_build(const ktm_text_t *text, size_t *length)
{
    kt_buf_t header, table, data;
    kt_buf_init(&header, MOST);
    kt_buf_init(&table, MOST);
    kt_buf_init(&data, MOST);
    kt_buf_str(&table, "");
    add_tensors(text->tensors, &table, &data);
    kt_buf_fmt(&header, "{'name':'%s','version':'%s','licence':'MIT','attribution':'tests','input':%s,'free':%s,",
               text->name ? text->name : "small", text->version ? text->version : "1.0.0",
               text->input ? text->input : "{'kind':'outputs'}", text->free ? text->free : "{}");
    kt_buf_fmt(&header, "'graph':%s,",
               text->graph ? text->graph
                           : "{'inputs':[{'name':'x','shape':['N',4]}],'nodes':[{'op':'relu',"
                             "'in':['x'],'out':['y']}],'outputs':['y']}");
    kt_buf_fmt(&header, "'tensors':[%s],'outputs':%s%s}", text->tensor_table ? text->tensor_table : table.bytes,
               text->outputs ? text->outputs : "[]", text->more ? text->more : "");
    kt_assert(!header.err && !table.err && !data.err);
    for (size_t i = 0; i < header.length; i++)
        header.bytes[i] = header.bytes[i] == '\'' ? '"' : header.bytes[i];
    uint8_t *out = ktm_build_raw(header.bytes, header.length, data.bytes, data.length, length);
    kt_buf_fini(&header);
    kt_buf_fini(&table);
    kt_buf_fini(&data);
    return out;
}
