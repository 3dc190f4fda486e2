// kt_node -- the whole node behind its main: a link thread (DEALER to each coordinator), ANALYZER_WORKERS worker
// threads, one decoder fork server, solo children for suspects.
#pragma once

#include "common/settings.h"

typedef struct kt_node kt_node_t;

enum { KT_NODE_WHY = 512 };

KT_MUST_USE kt_err_t kt_node_new(kt_node_t **self_p, const kt_settings_t *settings, char why[KT_NODE_WHY]);
// Until a stop signal: the first SIGTERM or SIGINT drains (no new credit, finish, send, wait for acknowledgement,
// leave), the second hands work back at once. signal_fd: a signalfd of both.
KT_MUST_USE kt_err_t kt_node_run(kt_node_t *self, int signal_fd);
void                 kt_node_destroy(kt_node_t **self_p);
