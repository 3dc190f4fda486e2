// kt_doctor -- the checks of `kithara doctor`: each looks at one subject of this machine and its settings, changes
// nothing, and writes what it found and, where something is wrong, what to do. Private to cli/local. Main thread.
#pragma once

#include "coordinator/cli/cli.h"

enum { KT_DOCTOR_TEXT = 1024 };

// Only WRONG makes the exit code 1. The values of the first two are those of bool.
typedef enum kt_doctor_state {
    KT_DOCTOR_WRONG,
    KT_DOCTOR_OK,
    KT_DOCTOR_WARN,
    KT_DOCTOR_NONE,  // no line
} kt_doctor_state_t;

typedef kt_doctor_state_t kt_doctor_fn(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT]);

// doctor_farm.c
kt_doctor_fn kt_doctor_coordinator;  // the one at ANALYZER_HTTP_URL, or that its ports are free
kt_doctor_fn kt_doctor_database;
kt_doctor_fn kt_doctor_broker;
kt_doctor_fn kt_doctor_tls;  // servers on other machines without it; no line where there are none
// doctor_host.c
kt_doctor_fn kt_doctor_state;  // the state folder and its disk
kt_doctor_fn kt_doctor_keys;
kt_doctor_fn kt_doctor_roots;
kt_doctor_fn kt_doctor_decoder;
kt_doctor_fn kt_doctor_clock;
kt_doctor_fn kt_doctor_gpu;
// Whether the file system of a path has room for a ledger; the text says how much, and names it as `shown`.
bool kt_doctor_has_room(const char *path, const char *shown, char text[KT_DOCTOR_TEXT]);
