#include "coordinator/http/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { LEVEL = 4, WINDOW = 15 + 16, MEMORY = 8 };  // 16: with gzip's header and trailer

// The quality of one entry, ";q=0.5"; 1 where it has none or one that cannot be read.
static double
quality_of(const char *parameters, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++)
        if ((parameters[i] == 'q' || parameters[i] == 'Q') && parameters[i + 1] == '=')
            return strtod(parameters + i + 2, NULL);
    return 1;
}

bool
kt_http_takes_gzip(const char *accept)
{
    bool any = false;
    for (const char *at = accept; at && *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        const size_t length = strcspn(at, ","), name = strcspn(at, ",; \t");
        const bool   taken = quality_of(at + name, length - name) > 0;
        if (name == 4 && strncasecmp(at, "gzip", 4) == 0)
            return taken;
        any |= name == 1 && *at == '*' && taken;
    }
    return any;
}

bool
kt_http_gzip(kt_buf_t *body)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    const size_t capacity = deflateBound(&stream, (uLong)body->length);
    char        *out      = capacity <= UINT32_MAX ? malloc(capacity) : NULL;
    bool         done     = false;
    if (out) {
        stream.next_in   = (Bytef *)body->bytes;
        stream.avail_in  = (uInt)body->length;
        stream.next_out  = (Bytef *)out;
        stream.avail_out = (uInt)capacity;
        done             = deflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out < body->length;
    }
    if (done) {
        kt_buf_clear(body);
        kt_buf_add(body, out, stream.total_out);
        done = !body->err;
    }
    (void)deflateEnd(&stream);
    free(out);
    return done;
}
