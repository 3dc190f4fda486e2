#include "tests/unit/node/node_fixture.h"

#include "common/program.h"
#include "node/node.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

kt_zap_t  *nx_zap;
kt_curve_t nx_key;

static kt_node_t *node;
static pthread_t  thread;
static int        signal_fd;
static bool       running;

void
nx_allow(bool allow)
{
    char keys[1][KT_CURVE_TEXT];
    memcpy(keys[0], nx_key.public_key, sizeof keys[0]);
    cr_assert_eq(kt_zap_allow(nx_zap, (const char(*)[41])keys, allow), KT_OK);
}

void
nx_open(void)
{
    char path[128];
    signal_fd = kt_program_signals();
    px_open();
    px_set("ANALYZER_NODE_NAME", "n");
    px_set("ANALYZER_WORKERS", "2");
    px_set("ANALYZER_TEST_FAULT", "noop");
    kt_socket_setup();
    snprintf(path, sizeof path, "%s/keys/node-n", px_folder);
    cr_assert_eq(kt_curve_load_or_make(path, &nx_key), KT_OK);
    cr_assert_eq(kt_zap_new(&nx_zap), KT_OK);
    nx_allow(true);
}

static void *
run_node(void *context)
{
    kt_err_t err = kt_node_run(node, signal_fd);
    kt_node_destroy(&node);
    return err ? context : NULL;
}

void
nx_start(void)
{
    char why[KT_NODE_WHY];
    cr_assert_eq(kt_node_new(&node, &px_settings, why), KT_OK, "%s", why);
    cr_assert_eq(pthread_create(&thread, NULL, run_node, px_folder), 0);
    running = true;
}

void
nx_close(void)
{
    void *failed = NULL;
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    if (running)
        pthread_join(thread, &failed);
    cr_assert_null(failed);
    kt_zap_destroy(&nx_zap);
    px_close();
}
