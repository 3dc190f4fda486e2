// The result cache against a simulated Redis: one that answers, one that blocks, one that refuses.
#include "common/clock.h"
#include "common/json.h"
#include "coordinator/result_cache/cache.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, ARGS = 8, ARG_BYTES = 4096, CLIENTS = 8, ENTRIES = 16, TTL_S = 60 };

typedef enum mood { ANSWERS, FROZEN, REFUSES } mood_t;

static struct {
    int         listener, stop[2];
    pthread_t   thread;
    _Atomic int mood;
    char        keys[ENTRIES][ARG_BYTES], values[ENTRIES][ARG_BYTES], ttl[32], auth[64], db[16];
    size_t      n;
} redis;

static pthread_mutex_t    heard = PTHREAD_MUTEX_INITIALIZER;  // of what Redis received
static char               url[128], why[KT_CACHE_WHY];
static kt_result_cache_t *cache;

// One RESP array of bulk strings; false at the end of the connection. Byte by byte: it is a test.
static bool
read_byte(int fd, char *out)
{
    return recv(fd, out, 1, 0) == 1;
}

static long
read_number(int fd, char kind)
{
    char c, digits[16] = "";
    if (!read_byte(fd, &c) || c != kind)
        return -1;
    for (size_t i = 0; i < sizeof digits - 1 && read_byte(fd, &c) && c != '\n'; i++)
        digits[i] = c;
    return strtol(digits, NULL, 10);
}

static int
read_command(int fd, char args[ARGS][ARG_BYTES])
{
    long n = read_number(fd, '*');
    for (long i = 0; i < n && i < ARGS; i++) {
        long length = read_number(fd, '$');
        char c;
        if (length < 0 || length >= ARG_BYTES)
            return -1;
        for (long at = 0; at < length; at++)
            if (!read_byte(fd, &args[i][at]))
                return -1;
        args[i][length] = '\0';
        if (!read_byte(fd, &c) || !read_byte(fd, &c))
            return -1;
    }
    return (int)n;
}

static size_t
entry_of(const char *key)
{
    size_t i = 0;
    while (i < redis.n && strcmp(redis.keys[i], key) != 0)
        i++;
    return i;
}

static void
reply_to(int fd, char args[ARGS][ARG_BYTES])
{
    size_t i = entry_of(args[1]);
    if (redis.mood == REFUSES && strcmp(args[0], "SET") == 0) {
        dprintf(fd, "-OOM command not allowed\r\n");
    } else if (strcmp(args[0], "GET") == 0) {
        if (i < redis.n)
            dprintf(fd, "$%zu\r\n%s\r\n", strlen(redis.values[i]), redis.values[i]);
        else
            dprintf(fd, "$-1\r\n");
    } else {
        if (strcmp(args[0], "SET") == 0 && i < ENTRIES) {
            snprintf(redis.keys[i], ARG_BYTES, "%s", args[1]);
            snprintf(redis.values[i], ARG_BYTES, "%s", args[2]);
            snprintf(redis.ttl, sizeof redis.ttl, "%.8s %.16s", args[3], args[4]);
            redis.n += i == redis.n;
        } else if (strcmp(args[0], "AUTH") == 0) {
            snprintf(redis.auth, sizeof redis.auth, "%.63s", args[1]);
        } else if (strcmp(args[0], "SELECT") == 0) {
            snprintf(redis.db, sizeof redis.db, "%.15s", args[1]);
        }
        dprintf(fd, "+OK\r\n");
    }
}

static void *
serve(void *context)
{
    static char   args[ARGS][ARG_BYTES];
    struct pollfd fds[CLIENTS + 2] = {{.fd = redis.stop[0], .events = POLLIN},
                                      {.fd = redis.listener, .events = POLLIN}};
    size_t        n                = 2;
    for (;;) {
        // Frozen: what comes stays unread, as with a process that was stopped.
        if (poll(fds, redis.mood == FROZEN ? 2 : (nfds_t)n, 20) < 0 || fds[0].revents)
            break;
        if (fds[1].revents && n < CLIENTS + 2)
            fds[n++] = (struct pollfd){.fd = accept(redis.listener, NULL, NULL), .events = POLLIN};
        for (size_t i = 2; i < n && redis.mood != FROZEN; i++) {
            if (!fds[i].revents)
                continue;
            if (read_command(fds[i].fd, args) > 0) {
                pthread_mutex_lock(&heard);
                reply_to(fds[i].fd, args);
                pthread_mutex_unlock(&heard);
            } else {
                close(fds[i].fd);
                fds[i--] = fds[--n];
            }
        }
    }
    while (n > 2)
        close(fds[--n].fd);
    return context;
}

static void
start(void)
{
    struct sockaddr_in at     = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          length = sizeof at;
    signal(SIGPIPE, SIG_IGN);
    redis.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(redis.listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(redis.listener, CLIENTS), 0);
    cr_assert_eq(getsockname(redis.listener, (struct sockaddr *)&at, &length), 0);
    cr_assert_eq(pipe(redis.stop), 0);
    cr_assert_eq(pthread_create(&redis.thread, NULL, serve, NULL), 0);
    snprintf(url, sizeof url, "redis://:pass@127.0.0.1:%d/2", ntohs(at.sin_port));
    cr_assert_eq(kt_result_cache_new(&cache, url, TTL_S, why), KT_OK, "%s", why);
}

static void
stop(void)
{
    kt_result_cache_destroy(&cache);
    cr_assert_eq(write(redis.stop[1], "", 1), 1);
    pthread_join(redis.thread, NULL);
    close(redis.listener);
    close(redis.stop[0]);
    close(redis.stop[1]);
}

TestSuite(cache, .init = start, .fini = stop, .timeout = 60);

static void
put(const char *text)
{
    char *document = strdup(text);
    kt_result_cache_put(cache, &document, strlen(text));
    cr_assert_null(document);
}

static kt_result_cache_stats_t
stats(void)
{
    kt_result_cache_stats_t out;
    kt_result_cache_stats(cache, &out);
    return out;
}

// Waits for another thread's work, with a deadline.
#define UNTIL(condition)                                                                                               \
    do {                                                                                                               \
        int64_t until_ms = kt_clock_ms() + PATIENCE_MS;                                                                \
        while (!(condition) && kt_clock_ms() < until_ms)                                                               \
            poll(NULL, 0, 2);                                                                                          \
        cr_assert(condition);                                                                                          \
    } while (0)

Test(cache, a_result_is_written_with_its_time_to_live_and_read_back_byte_for_byte)
{
    char  *document = NULL;
    size_t bytes    = 0;
    put("{\"message_id\":\"m 1\",\"success\":true}");
    UNTIL(stats().stored == 1);
    pthread_mutex_lock(&heard);
    cr_expect_str_eq(redis.ttl, "EX 60");
    cr_expect_str_eq(redis.auth, "pass");
    cr_expect_str_eq(redis.db, "2");
    pthread_mutex_unlock(&heard);
    cr_assert_eq(kt_result_cache_get(cache, "m 1", &document, &bytes), KT_OK);
    cr_assert_str_eq(document, "{\"message_id\":\"m 1\",\"success\":true}");
    cr_assert_eq(bytes, strlen(document));
    free(document);
    cr_assert_eq(kt_result_cache_get(cache, "m 2", &document, &bytes), KT_ENOTFOUND);
    cr_assert_eq(stats().hits, 1);
    cr_assert_eq(stats().misses, 1);
    cr_assert(stats().up);
}

Test(cache, a_later_run_takes_the_place_of_the_earlier_one)
{
    char  *document = NULL;
    size_t bytes    = 0;
    put("{\"message_id\":\"m\",\"success\":false}");
    put("{\"message_id\":\"m\",\"success\":true}");
    UNTIL(stats().stored == 2);
    cr_assert_eq(kt_result_cache_get(cache, "m", &document, &bytes), KT_OK);
    cr_assert_str_eq(document, "{\"message_id\":\"m\",\"success\":true}");
    free(document);
}

Test(cache, what_names_no_message_is_counted_and_harms_no_neighbour)
{
    put("no document");
    put("{\"success\":true}");
    put("{\"message_id\":\"good\"}");
    UNTIL(stats().stored == 1 && stats().failed == 2);
}

Test(cache, a_blocked_redis_delays_no_caller)
{
    char  *document = NULL;
    size_t bytes    = 0;
    UNTIL(stats().up);
    redis.mood       = FROZEN;
    int64_t began_ms = kt_clock_ms();
    for (int i = 0; i < KT_CACHE_QUEUE + 1000; i++)
        put("{\"message_id\":\"x\"}");
    cr_assert_lt(kt_clock_ms() - began_ms, 1000);
    cr_assert_geq(stats().dropped, 1000 - 64);  // but for the pipeline that the actor had taken
    began_ms = kt_clock_ms();
    cr_assert_eq(kt_result_cache_get(cache, "x", &document, &bytes), KT_EUNREACHABLE);
    cr_assert_eq(kt_result_cache_get(cache, "x", &document, &bytes), KT_EUNREACHABLE);
    cr_assert_lt(kt_clock_ms() - began_ms, KT_CACHE_READ_MS + 200, "only the first waits");
    UNTIL(!stats().up);
    redis.mood = ANSWERS;
    UNTIL(stats().up);
    UNTIL(stats().waiting == 0);
    put("{\"message_id\":\"after\"}");
    UNTIL(!kt_result_cache_get(cache, "after", &document, &bytes));
    free(document);
}

Test(cache, a_redis_that_refuses_is_counted_and_retried)
{
    UNTIL(stats().up);
    redis.mood = REFUSES;
    put("{\"message_id\":\"x\"}");
    UNTIL(stats().failed == 1);
    redis.mood = ANSWERS;
    put("{\"message_id\":\"y\"}");
    UNTIL(stats().stored == 1);
}

Test(cache, the_end_comes_soon_whatever_redis_does)
{
    UNTIL(stats().up);
    redis.mood = FROZEN;
    put("{\"message_id\":\"x\"}");
    int64_t began_ms = kt_clock_ms();
    kt_result_cache_destroy(&cache);
    cr_assert_lt(kt_clock_ms() - began_ms, 2 * KT_CACHE_WRITE_MS + 1000);
}

Test(cache, a_redis_that_is_not_there_is_no_error)
{
    kt_result_cache_t *none     = NULL;
    char              *document = NULL;
    size_t             bytes    = 0;
    cr_assert_eq(kt_result_cache_new(&none, "redis://127.0.0.1:1", TTL_S, why), KT_OK);
    cr_assert_eq(kt_result_cache_get(none, "x", &document, &bytes), KT_EUNREACHABLE);
    kt_result_cache_destroy(&none);
    kt_result_cache_destroy(&none);
    cr_assert_eq(kt_result_cache_new(&none, "http://127.0.0.1", TTL_S, why), KT_ESETTING);
    cr_assert(strstr(why, "redis[s]://"));
}
