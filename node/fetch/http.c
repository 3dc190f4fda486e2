#include "node/fetch/http.h"

#include "common/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    IDLE_HANDLES   = 16,
    URL_BYTES      = 8192,
    LEAST_RATE     = 1024,
    SKIPPED_BYTES  = 1 << 20,
    HOST_BYTES     = 128,
    TIMER_SLACK_MS = 10
};
static const uint64_t DISK_RESERVE = 64 << 20;  // left free for others

struct kt_fetch_http {
    const kt_settings_t *settings;
    bool                 any_host;
    uint64_t             max_bytes;
    pthread_mutex_t      lock;
    CURL                *idle[IDLE_HANDLES];  // with connections that may be used again
    size_t               n_idle;
};

// One source being fetched.
typedef struct transfer {
    kt_fetch_http_t           *self;
    const kt_admission_wait_t *wait;
    CURL                      *curl;
    int                        fd;
    uint64_t                   bytes, skipped;  // written; of redirects and error pages, dropped
    bool                       room_checked;    // the disk has been checked for room
    kt_err_t                   err;             // why this side ended the transfer
    char                       host[HOST_BYTES];
    char                      *why;
} transfer_t;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

kt_err_t
kt_fetch_http_new(kt_fetch_http_t **self_p, const kt_settings_t *settings, bool any_host)
{
    kt_fetch_http_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    pthread_once(&curl_once, curl_start);
    pthread_mutex_init(&self->lock, NULL);
    self->settings  = settings;
    self->any_host  = any_host;
    self->max_bytes = (uint64_t)settings->source_size_mb << 20;
    *self_p         = self;
    return KT_OK;
}

void
kt_fetch_http_destroy(kt_fetch_http_t **self_p)
{
    kt_fetch_http_t *self = *self_p;
    if (!self)
        return;
    while (self->n_idle)
        curl_easy_cleanup(self->idle[--self->n_idle]);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static void
return_handle(kt_fetch_http_t *self, CURL *curl)
{
    curl_easy_reset(curl);  // keeps its connections
    pthread_mutex_lock(&self->lock);
    if (self->n_idle < IDLE_HANDLES) {
        self->idle[self->n_idle++] = curl;
        curl                       = NULL;
    }
    pthread_mutex_unlock(&self->lock);
    if (curl)
        curl_easy_cleanup(curl);
}

bool
kt_fetch_http_allows(const char *hosts, const char *host, const char *port, bool default_port)
{
    static const char BLANKS[] = " \t\r\n";
    size_t            length   = strlen(host);
    for (const char *at = hosts + strspn(hosts, BLANKS); *at; at += strspn(at, BLANKS)) {
        size_t n     = strcspn(at, BLANKS);
        bool   named = n >= length && strncasecmp(at, host, length) == 0;
        if (named && n == length && default_port)
            return true;
        if (named && n == length + 1 + strlen(port) && at[length] == ':' &&
            memcmp(at + length + 1, port, strlen(port)) == 0)
            return true;
        at += n;
    }
    return false;
}

static kt_err_t
transfer_refuse(const transfer_t *transfer, kt_err_t err, const char *sentence)
{
    snprintf(transfer->why, KT_FETCH_WHY, "%s%s%.120s", transfer->host, *transfer->host ? ": " : "", sentence);
    return err;
}

// The scheme, host and port of one hop, and no user: all of it from libcurl's own parser, which also makes the request.
static kt_err_t
transfer_check_url(transfer_t *transfer, const char *url)
{
    const char *hosts  = transfer->self->settings->source_hosts;
    bool        any    = transfer->self->any_host && !*hosts;
    char       *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    kt_err_t    err   = KT_EINVAL;
    CURLU      *parts = curl_url();
    if (!parts)
        return KT_ENOMEM;
    if (!curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) &&
        !curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) && !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
        bool https = strcasecmp(scheme, "https") == 0, http = strcasecmp(scheme, "http") == 0;
        bool usual = strcmp(port, https ? "443" : "80") == 0;
        snprintf(transfer->host, sizeof transfer->host, "%.110s:%.8s", host, port);
        err = (http || https) && (any || kt_fetch_http_allows(hosts, host, port, usual)) ? KT_OK : KT_EHOST;
        if (!curl_url_get(parts, CURLUPART_USER, &user, 0))
            err = KT_EHOST;
    }
    if (err == KT_EHOST)
        transfer_refuse(transfer, err, user ? "a source with a user or password is not fetched" : "not permitted");
    else if (err == KT_EINVAL)
        transfer_refuse(transfer, err, "not a URL of a source");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(parts);
    return err;
}

// An anonymous file, or one that is unlinked at once where the file system has no O_TMPFILE.
static kt_err_t
open_copy(const kt_settings_t *settings, int *out)
{
    char folder[PATH_MAX - 16], path[PATH_MAX];
    if (!kt_settings_state_dir(settings, folder, sizeof folder))
        return KT_EINVAL;
    (void)mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/tmp", folder);
    if (mkdir(path, 0700) && errno != EEXIST)
        return errno == ENOSPC ? KT_EDISK : KT_EIO;
    int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && errno != ENOSPC) {
        snprintf(path, sizeof path, "%s/tmp/XXXXXX", folder);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    if (fd < 0)
        return errno == ENOSPC ? KT_EDISK : KT_EIO;
    *out = fd;
    return KT_OK;
}

static kt_err_t
transfer_limits(const transfer_t *transfer)
{
    if (transfer->wait->cancelled && atomic_load(transfer->wait->cancelled))
        return KT_ECANCELLED;
    return kt_clock_ms() < transfer->wait->deadline_ms ? KT_OK : KT_ETIME;
}

static int
transfer_on_progress(void *context, curl_off_t want, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    (void)want, (void)got, (void)to_send, (void)sent;
    transfer_t *transfer = context;
    if (!transfer->err)
        transfer->err = transfer_limits(transfer);
    return transfer->err != KT_OK;
}

// Appends to the copy, within the limits and, before the first byte, if the disk has room for the announced length.
static kt_err_t
transfer_write(transfer_t *transfer, const char *bytes, size_t length)
{
    if (transfer->wait->progress)
        atomic_fetch_add(transfer->wait->progress, 1);
    kt_err_t err = transfer_limits(transfer);
    if (err)
        return err;
    if (!transfer->room_checked) {
        struct statvfs disk;
        curl_off_t     announced = -1;
        curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
        transfer->room_checked = true;
        if (fstatvfs(transfer->fd, &disk))
            return KT_EIO;
        uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize, want = announced > 0 ? (uint64_t)announced : 0;
        if (free_bytes <= DISK_RESERVE || free_bytes - DISK_RESERVE < want)
            return KT_EDISK;
    }
    if (length > transfer->self->max_bytes - transfer->bytes)
        return KT_ETOOLARGE;
    for (size_t done = 0; done < length;) {
        ssize_t n = write(transfer->fd, bytes + done, length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? KT_EDISK : KT_EIO;
        done += (size_t)n;
    }
    transfer->bytes += length;
    return KT_OK;
}

// Bytes of a response: of the file, or of a page about a redirect or an error, which are dropped.
static size_t
transfer_on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    transfer_t *transfer = context;
    size_t      length   = size * count;
    long        status   = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        transfer->skipped += length;
        return transfer->skipped <= SKIPPED_BYTES ? length : 0;
    }
    transfer->err = transfer_write(transfer, bytes, length);
    return transfer->err ? 0 : length;
}

static void
transfer_set_options(transfer_t *transfer, const char *url)
{
    const kt_settings_t *settings = transfer->self->settings;
    CURL                *curl     = transfer->curl;
    // libcurl's timer may fire early: it rounds up the elapsed milliseconds of an interval that crosses a second of the
    // clock. Without the slack the deadline has then not passed yet, and the stop is reported as a slow server's.
    int64_t left_ms = transfer->wait->deadline_ms - kt_clock_ms() + TIMER_SLACK_MS;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // each hop is checked here
    curl_easy_setopt(curl, CURLOPT_PROXY, "");           // the environment does not count
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "kithara/" KT_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)KT_FETCH_CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(left_ms < 1 ? 1 : left_ms > INT_MAX ? INT_MAX : left_ms));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)LEAST_RATE);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)settings->source_stall_s);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)transfer->self->max_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, transfer_on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, transfer_on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (*settings->source_ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->source_ca);
}

// One request. KT_OK: the file is there, or *next is where it is redirected to.
static kt_err_t
transfer_request(transfer_t *transfer, const char *url, char next[URL_BYTES])
{
    char *location = NULL;
    long  status   = 0;
    transfer_set_options(transfer, url);
    CURLcode code = curl_easy_perform(transfer->curl);
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &location);
    next[0] = '\0';
    if (transfer->err)
        return transfer_refuse(transfer, transfer->err,
                               transfer->err == KT_EDISK ? "no room for the copy" : "broken off");
    if (status >= 300 && status <= 399 && location)
        return snprintf(next, URL_BYTES, "%s", location) < URL_BYTES
                   ? KT_OK
                   : transfer_refuse(transfer, KT_ESOURCE, "a redirect too long");
    if (status >= 200 && status != 200) {
        char sentence[64];
        bool later = status >= 500 || status == 408 || status == 425 || status == 429;
        snprintf(sentence, sizeof sentence, "HTTP status %ld", status);
        return transfer_refuse(transfer, later ? KT_EFETCH : KT_ESOURCE, sentence);
    }

    switch (code) {
    case CURLE_OK: return KT_OK;
    case CURLE_FILESIZE_EXCEEDED: return transfer_refuse(transfer, KT_ETOOLARGE, "its length is beyond the limit");
    case CURLE_OUT_OF_MEMORY: return KT_ENOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return transfer_limits(transfer) ? transfer_refuse(transfer, KT_ETIME, "")
                                         : transfer_refuse(transfer, KT_EFETCH, "too slow");
    case CURLE_PEER_FAILED_VERIFICATION:
        return transfer_refuse(transfer, KT_EFETCH, "its certificate is not trusted (ANALYZER_SOURCE_CA)");
    case CURLE_SSL_CACERT_BADFILE: return transfer_refuse(transfer, KT_EFETCH, "ANALYZER_SOURCE_CA cannot be read");
    case CURLE_PARTIAL_FILE: return transfer_refuse(transfer, KT_EFETCH, "the file ended early");
    default: return transfer_refuse(transfer, KT_EFETCH, curl_easy_strerror(code));
    }
}

static kt_err_t
follow_redirects(transfer_t *transfer, const char *url)
{
    char at[URL_BYTES], next[URL_BYTES];
    if (snprintf(at, sizeof at, "%s", url) >= (int)sizeof at)
        return transfer_refuse(transfer, KT_EINVAL, "the URL is too long");
    for (int hop = 0; hop <= KT_FETCH_REDIRECTS; hop++) {
        kt_err_t err = transfer_check_url(transfer, at);
        if (err == KT_EINVAL && hop > 0)
            return transfer_refuse(transfer, KT_ESOURCE, "redirects to what is no source");
        if (!err)
            err = transfer_request(transfer, at, next);
        if (err || !*next)
            return err;
        memcpy(at, next, sizeof at);
    }
    return transfer_refuse(transfer, KT_ESOURCE, "too many redirects");
}

kt_err_t
kt_fetch_http_open(kt_fetch_http_t *self, const char *url, const kt_admission_wait_t *wait, int *fd,
                   uint64_t *size_bytes, char why[KT_FETCH_WHY])
{
    transfer_t transfer = {.self = self, .wait = wait, .fd = -1, .why = why};
    why[0]              = '\0';
    pthread_mutex_lock(&self->lock);
    if (self->n_idle)
        transfer.curl = self->idle[--self->n_idle];
    pthread_mutex_unlock(&self->lock);
    if (!transfer.curl && !(transfer.curl = curl_easy_init()))
        return KT_ENOMEM;

    kt_err_t err = transfer_check_url(&transfer, url);  // before a file is made for it
    if (!err)
        err = open_copy(self->settings, &transfer.fd);
    if (!err)
        err = follow_redirects(&transfer, url);
    return_handle(self, transfer.curl);
    if (!err && transfer.bytes == 0)
        err = KT_EEMPTY;
    if (!err) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", transfer.fd);
        int reading = open(path, O_RDONLY | O_CLOEXEC);  // read-only: the decoder must not write
        err         = reading < 0 ? KT_EIO : KT_OK;
        if (!err) {
            *fd         = reading;
            *size_bytes = transfer.bytes;
        }
    }
    if (transfer.fd >= 0)
        close(transfer.fd);
    return err;
}
