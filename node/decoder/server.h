// kt_server -- the fork server: takes requests, forks a child for each, reaps it and reports its exit to the client. It
// enforces the wall-clock limit, and kills the child of a client that has closed its socket. One thread, one loop; ends
// when its client does.
#pragma once

#include "common/err.h"
#include "common/fault.h"

// socket: the server socket, connected. faults: of the children. KT_OK when the client has closed the socket and all
// children have ended; KT_ESYSTEM, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_server_run(int socket, const kt_test_faults_t *faults);
