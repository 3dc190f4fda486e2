// kithara-node: works for its coordinators until a signal. Exit status 0; 1 when it could not start or work; 2 for bad
// usage. With --solo-child it is the process of one isolated file.
#include "common/log.h"
#include "common/program.h"
#include "node/node.h"
#include "node/work/isolated.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    int          exit_code;
    char         why[KT_NODE_WHY] = "";
    kt_node_t   *node             = NULL;
    kt_program_t program          = {
                 .name = "kithara-node", .purpose = "analyses the files that its coordinators give it", .joins = true};
    if (argc == 2 && strcmp(argv[1], "--solo-child") == 0)
        return kt_isolated_child();
    if (!kt_program_start(&program, argc, argv, &exit_code))
        return exit_code;
    int      signal_fd = kt_program_signals();
    kt_err_t err       = kt_node_new(&node, &program.settings, why);
    if (err)
        kt_program_complain(&program, err, why);
    if (!err && program.ready_fd >= 0) {
        dprintf(program.ready_fd, "{}\n");
        close(program.ready_fd);
    }
    if (!err)
        err = kt_node_run(node, signal_fd);
    kt_node_destroy(&node);
    kt_settings_fini(&program.settings);
    return kt_program_exit(err);
}
