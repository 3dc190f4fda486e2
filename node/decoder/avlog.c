#include "node/decoder/avlog.h"

#include <errno.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char     last_line[200];
static bool     many_streams;
static uint64_t errors[2];  // of demuxers, of decoders
static uint64_t missing;

static const char GAP[] = "Continuity check failed";  // of mpegts: packets are missing

static AVClassCategory
category_of(void *from)
{
    const AVClass *class = from ? *(AVClass **)from : NULL;
    return !class ? AV_CLASS_CATEGORY_NA : class->get_category ? class->get_category(from) : class->category;
}

__attribute__((format(printf, 3, 0))) static void
log_keep_last(void *from, int level, const char *format, va_list args)
{
    missing += strncmp(format, GAP, strlen(GAP)) == 0;  // at a level that is not shown
    if (level > AV_LOG_ERROR)
        return;
    const AVClassCategory category = category_of(from);
    errors[0] += category == AV_CLASS_CATEGORY_DEMUXER;
    errors[1] += category == AV_CLASS_CATEGORY_DECODER;
    char line[sizeof last_line];
    vsnprintf(line, sizeof line, format, args);
    size_t n = strcspn(line, "\r\n");
    if (!n)
        return;
    // The name of FFmpeg's option; a demuxer may log more about it afterwards.
    many_streams |= strstr(line, "max_streams") != NULL;
    memcpy(last_line, line, n);
    last_line[n] = '\0';
}

void
kt_avlog_install(void)
{
    av_log_set_callback(log_keep_last);
}

uint64_t
kt_avlog_demuxer_errors(void)
{
    return errors[0];
}

uint64_t
kt_avlog_decoder_errors(void)
{
    return errors[1];
}

uint64_t
kt_avlog_missing_packets(void)
{
    return missing;
}

const char *
kt_avlog_last(void)
{
    return last_line;
}

void
kt_av_begin(void)
{
    errno = 0;
}

bool
kt_av_is_memory(int code)
{
    return code == AVERROR(ENOMEM) && errno == ENOMEM;
}

kt_err_t
kt_av_fail(int code, kt_err_t otherwise, const char *doing, char *why, size_t capacity)
{
    char       text[AV_ERROR_MAX_STRING_SIZE];
    const bool memory = kt_av_is_memory(code);
    if (many_streams && !memory) {
        (void)snprintf(why, capacity, "at most %d streams are read, and the file has more", KT_AV_STREAMS_MAX);
        return KT_EFORMAT;
    }
    const bool quote = *last_line != '\0';
    if (!quote)
        (void)av_strerror(code, text, sizeof text);
    (void)snprintf(why, capacity, "%s: %s", doing, quote ? last_line : text);
    return memory ? KT_EDECMEM : otherwise;
}
