// kithara-coordinator: opens the ledger, then runs until a signal. Exit status 0; 1 when it could not start or ended by
// an error; 2 for bad usage. With --check: whether it would start.
#include "common/log.h"
#include "common/program.h"
#include "coordinator/check.h"
#include "coordinator/coordinator.h"
#include "coordinator/ledger/open/open.h"

#include <stdio.h>
#include <unistd.h>

static kt_err_t
run_coordinator(const kt_program_t *program, int signal_fd)
{
    char              why[KT_LEDGER_WHY] = "";
    kt_ledger_t      *ledger             = NULL;
    kt_coordinator_t *coordinator        = NULL;
    kt_err_t          err                = kt_coordinator_check_tls(&program->settings, why);
    if (!err)
        err = kt_ledger_open(&ledger, &program->settings, true, why);
    if (!err)
        err = kt_coordinator_new(&coordinator, &program->settings, &ledger, why);
    if (err) {
        kt_program_complain(program, err, why);
    } else {
        if (program->ready_fd >= 0) {
            dprintf(program->ready_fd, "{\"http\":\"%s\",\"router\":\"%s\",\"public_key\":\"%s\"}\n",
                    kt_coordinator_http(coordinator), kt_coordinator_router(coordinator),
                    kt_coordinator_public_key(coordinator));
            close(program->ready_fd);
        }
        err = kt_coordinator_run(coordinator, signal_fd);
    }
    kt_coordinator_destroy(&coordinator);
    if (ledger)
        ledger->ops->close(&ledger);
    return err;
}

int
main(int argc, char **argv)
{
    int          exit_code;
    kt_program_t program = {.name      = "kithara-coordinator",
                            .purpose   = "takes in jobs, gives them to nodes, stores the results",
                            .has_check = true};
    if (!kt_program_start(&program, argc, argv, &exit_code))
        return exit_code;
    if (program.check)
        exit_code = !kt_coordinator_check(&program.settings);
    else
        exit_code = kt_program_exit(run_coordinator(&program, kt_program_signals()));
    kt_settings_fini(&program.settings);
    return exit_code;
}
