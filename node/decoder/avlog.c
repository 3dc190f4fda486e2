#include "node/decoder/avlog.h"

#include <libavutil/log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char last_line[200];

__attribute__((format(printf, 3, 0))) static void
log_keep_last(void *from, int level, const char *format, va_list args)
{
    (void)from;
    if (level > AV_LOG_ERROR)
        return;
    char line[sizeof last_line];
    vsnprintf(line, sizeof line, format, args);
    size_t n = strcspn(line, "\r\n");
    if (!n)
        return;
    memcpy(last_line, line, n);
    last_line[n] = '\0';
}

void
kt_avlog_install(void)
{
    av_log_set_callback(log_keep_last);
}

const char *
kt_avlog_last(void)
{
    return last_line;
}
