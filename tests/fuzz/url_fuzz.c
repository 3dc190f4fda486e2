// Fuzzing what reads addresses: those of broker, cache and listeners, the Host of HTTP, and what is shown of URLs. The
// first byte chooses; the rest is the text.
#include "common/assert.h"
#include "common/buf.h"
#include "common/net/address.h"
#include "common/net/plain.h"
#include "coordinator/amqp/url.h"
#include "coordinator/http/host.h"
#include "coordinator/http/listen.h"
#include "coordinator/result_cache/redis_url.h"
#include "fuzz_main.h"
#include "proto/job.h"

static void
read_text(unsigned which, const char *text)
{
    static kt_amqp_url_t  broker;
    static kt_cache_url_t cache;
    char                  why[1024] = "", shown[KT_JOB_PATH], host[KT_PLAIN_HOST];
    switch (which % 6) {
    case 0: kt_assert(!kt_amqp_url_parse(text, &broker, why) || *why); break;
    case 1: kt_assert(!kt_cache_url_parse(text, &cache, why) || *why); break;
    case 2: kt_assert(!kt_address_check(text, true, why) || *why); break;
    case 3:
        if (kt_plain_url(text, host))
            kt_assert(*host && strcmp(host, "localhost") != 0);
        break;
    case 4:
        if (kt_http_host_is_loopback(text))
            kt_assert(kt_http_host_allowed(text, ""));
        (void)kt_http_is_proxy_header(text);
        break;
    default:
        kt_assert(kt_job_shown(text, shown, sizeof shown) == shown && strlen(shown) <= strlen(text) + 4);
        if (kt_job_is_url(text))
            kt_assert(strchr(shown, '?') == NULL || strcmp(strchr(shown, '?'), "?...") == 0);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (!length || length > KT_JOB_PATH)
        return 0;
    char *text = malloc(length);
    kt_assert(text);
    memcpy(text, bytes + 1, length - 1);
    text[length - 1] = '\0';
    read_text(bytes[0], text);
    free(text);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const char *const TEXTS[] = {
        "amqps://us%65r:p%40ss@h1:5671,[::1]:5672/v%2fhost?heartbeat=5&x=1",
        "redis://user:p%40ss@[::1]:6379/3",
        "tcp://[::1]:8711",
        "postgresql://u:p@h1:5432,[fd00::1],h3/db?host=/run&sslmode=require&ssl=true&hostaddr=10.0.0.1",
        "[::ffff:127.0.0.1]:8710",
        "https://user:p@host:443/a%20b.mp3?X-Amz-Signature=abc#part",
    };
    kt_buf_t out;
    char     which = (char)(number % 6);
    kt_buf_init(&out, 1 << 12);
    kt_buf_add(&out, &which, 1);
    kt_buf_str(&out, TEXTS[number % 6]);
    return (uint8_t *)kt_buf_take(&out, length);
}
