// A kt_uplink_t to two coordinators without sockets: the test reads the messages that are sent, and plays the worker
// threads (the real ones wait at a queue of their own).
#pragma once

#include "node/link/receive.h"
#include "node/link/send.h"
#include "node/link/uplink.h"

enum { UPLINK_SIDES = 2, UPLINK_THREADS = 2 };

typedef struct uplink_fixture {
    kt_settings_t     settings;
    kt_work_t         work;
    kt_uplink_t      *uplink;
    kt_model_sync_t  *models;    // NULL: none; set before the set-up, and the test's
    kt_err_t          send_err;  // what the port returns; the message is not recorded then
    unsigned          reconnects[UPLINK_SIDES];
    kt_err_t          unable;
    kt_curve_t        key, join;
    bool              joins;                   // has a join token
    const kt_curve_t *used_key[UPLINK_SIDES];  // the last that was set
} uplink_fixture_t;

extern uplink_fixture_t fixture;

void uplink_setup(void);      // the threads run already
void uplink_setup_new(void);  // they start with the first WELCOME
void uplink_teardown(void);

void uplink_receive(size_t side, const kt_msg_t *msg);
void uplink_welcome(size_t side);  // WELCOME without settings
void uplink_batch(size_t side, uint64_t job, uint64_t attempt);
void uplink_ack(size_t side, uint64_t job);
void uplink_cancel(size_t side, uint64_t job);

// Of the messages since the last uplink_clear_sent: their number, and the last one (the test fails without one), which
// is valid until the next call.
size_t          uplink_count(size_t side, kt_msg_type_t type);
const kt_msg_t *uplink_last(size_t side, kt_msg_type_t type);
void            uplink_clear_sent(void);

kt_task_t *uplink_take(void);              // the next task of the queue, as a worker thread takes it; NULL: none
void       uplink_start(kt_task_t *task);  // its events, and the end of the turn
void       uplink_finish(kt_task_t *task, const char *document);
