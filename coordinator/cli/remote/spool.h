// kt_spool -- a list of paths, read from a file or standard input, sent to a backfill in numbered chunks. The same list
// gives the same chunks, so that a spool which was interrupted is sent again from its beginning and the coordinator
// tells what it has. Paths are separated by newlines, or by NUL if the list has one in its first block; relative ones
// are made absolute. Memory for one chunk. One thread.
#pragma once

#include "coordinator/cli/client.h"

#include <stdint.h>
#include <stdio.h>

typedef struct kt_spool {
    uint64_t entries, chunks;
} kt_spool_t;

// Called once, before the first chunk is sent: makes the backfill; an error ends the spooling.
typedef kt_err_t kt_spool_open_fn(void *context, uint64_t *backfill);

// Sends all of it; a coordinator that does not answer is asked again for a minute. KT_EEMPTY: no path in it; KT_ETEXT:
// no list of paths at all; KT_EIO: the list cannot be read; else the error of the client.
KT_MUST_USE kt_err_t kt_spool_send(kt_client_t *client, FILE *list, kt_spool_open_fn *open, void *context,
                                   kt_spool_t *out);
// As kt_client_post, retrying for a minute while there is no answer.
KT_MUST_USE kt_err_t kt_spool_post(kt_client_t *client, const char *path, const char *body, size_t length,
                                   json_t **answer);
