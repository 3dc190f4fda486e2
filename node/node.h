// kt_node -- a whole node: the link thread (the caller of kt_node_run) with a DEALER socket per coordinator,
// ANALYZER_WORKERS worker threads, a fork server of decoders, and a process per isolated file.
#pragma once

#include "common/settings.h"

typedef struct kt_node kt_node_t;

enum { KT_NODE_WHY = 512 };

// settings are copied. On failure `why` says what to do. KT_ESETTING, KT_ENOFILE, KT_EINVAL (an address), KT_ENOMEM,
// KT_ESYSTEM and those of the key file.
KT_MUST_USE kt_err_t kt_node_new(kt_node_t **self_p, const kt_settings_t *settings, char why[KT_NODE_WHY]);
// Blocks until a stop signal, or until the node cannot work (KT_ESTATE): the first SIGTERM or SIGINT drains (no new
// credit; finish, send, wait for acknowledgements, leave), the second returns the work at once. signal_fd: a signalfd
// of both; -1: none.
KT_MUST_USE kt_err_t kt_node_run(kt_node_t *self, int signal_fd);
void                 kt_node_destroy(kt_node_t **self_p);
