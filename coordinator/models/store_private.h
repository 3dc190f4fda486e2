// What the files of kt_model_store share. Private to coordinator/models.
#pragma once

#include "common/queue.h"
#include "coordinator/models/store.h"

#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

struct kt_model_store {
    const kt_settings_t *settings;
    char                 folder[PATH_MAX];
    pthread_mutex_t      changing;  // changes of the folder, one at a time; taken before `lock`
    struct stat          seen;      // of models.yml at the last reading; under `changing`

    pthread_mutex_t     lock;  // of what follows; held briefly
    uint64_t            sequence;
    bool                exists;
    kt_model_manifest_t manifest;
    json_t             *view;
    size_t              loaded;

    kt_queue_t *requests, *parts;  // kt_model_part_t *: to the thread, from it
    pthread_t   thread;
    bool        running;
};

// Reads the folder again and replaces the state. An invalid models.yml leaves the state as it is. Under `changing`.
void kt_model_store_reload(kt_model_store_t *self);
