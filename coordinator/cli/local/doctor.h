// kt_doctor -- the checks of `kithara doctor`: each looks at one subject of this machine and its settings, changes
// nothing, and writes what it found and, where something is wrong, what to do. Private to cli/local. Main thread.
#pragma once

#include "common/check/checked.h"
#include "common/json.h"
#include "coordinator/cli/cli.h"

typedef kt_checked_t kt_doctor_fn(const kt_cli_t *cli, char text[KT_CHECKED_TEXT]);

// doctor_farm.c
kt_doctor_fn kt_doctor_coordinator;  // the one at ANALYZER_HTTP_URL, or that its ports are free
kt_doctor_fn kt_doctor_database;
kt_doctor_fn kt_doctor_tls;  // servers on other machines without it; no line where there are none
kt_doctor_fn kt_doctor_state;
kt_doctor_fn kt_doctor_keys;
kt_doctor_fn kt_doctor_clock;  // beside the coordinator's, else the database's
// doctor_broker.c
kt_doctor_fn kt_doctor_broker;
// doctor_host.c
kt_doctor_fn kt_doctor_roots;
kt_doctor_fn kt_doctor_decoder;
kt_doctor_fn kt_doctor_gpu;

// The status of the coordinator; NULL: none answers. *date_s, if wanted: its clock, Unix time; 0: it has not said.
json_t *kt_doctor_status(const kt_cli_t *cli, kt_err_t *err, int64_t *date_s);
