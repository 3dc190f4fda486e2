// kt_spool -- uploads a list of paths, from a file or standard input, to a backfill in numbered chunks. The same list
// gives the same chunks: an interrupted upload is sent again from its start, and the coordinator ignores the chunks it
// has. Paths are separated by newlines, or by NUL if the first block contains one; relative ones are made absolute.
// Memory for one chunk. One thread.
#pragma once

#include "coordinator/cli/client.h"

#include <stdint.h>
#include <stdio.h>

typedef struct kt_spool {
    uint64_t entries, chunks;
} kt_spool_t;

// Called once, before the first chunk is sent: creates the backfill. An error ends the upload.
typedef kt_err_t kt_spool_open_fn(void *context, uint64_t *backfill);

// Sends the whole list; retries for a minute while the coordinator does not respond. KT_EEMPTY: no path; KT_ETEXT: not
// a list of paths, or a NUL after the first block of one by lines; KT_EIO: the list is unreadable; else the error of
// the client.
KT_MUST_USE kt_err_t kt_spool_send(kt_client_t *client, FILE *list, kt_spool_open_fn *open, void *context,
                                   kt_spool_t *out);
// As kt_client_post; retries for a minute while there is no response.
KT_MUST_USE kt_err_t kt_spool_post(kt_client_t *client, const char *path, const char *body, size_t length,
                                   json_t **answer);
