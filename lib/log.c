// The log of the library: none until kithara_set_log is called, because stderr belongs to the host.
#include "common/log.h"

#include "lib/parts.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kithara_log_fn *host_log;
static void           *host_context;

// A kt_log_sink_fn.
static void
pass_line(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context;
    pthread_mutex_lock(&lock);
    if (host_log)
        host_log(host_context, (int)level, id, fields);
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void
log_start(void)
{
    kt_log_set_sink(pass_line, NULL);
}

void
kithara_set_log(kithara_log_fn *log, void *context)
{
    pthread_mutex_lock(&lock);
    host_log     = log;
    host_context = context;
    pthread_mutex_unlock(&lock);
}
