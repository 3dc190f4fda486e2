// kithara doctor -- what this machine offers a coordinator and a node, one line per subject; exit 1 if something is
// wrong.
#include "common/text.h"
#include "coordinator/cli/local/doctor.h"
#include "coordinator/cli/options.h"

#include <getopt.h>
#include <stdio.h>

static const struct {
    const char   *subject;
    kt_doctor_fn *check;
} CHECKS[] = {
    {"coordinator", kt_doctor_coordinator},
    {"database", kt_doctor_database},
    {"broker", kt_doctor_broker},
    {"state", kt_doctor_state},
    {"keys", kt_doctor_keys},
    {"roots", kt_doctor_roots},
    {"decoder", kt_doctor_decoder},
    {"clock", kt_doctor_clock},
    {"gpu", kt_doctor_gpu},
};

int
kt_cmd_doctor(kt_cli_t *cli, int argc, char **argv)
{
    int code = KT_EXIT_OK;
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;)
        if (c == '?')
            return KT_EXIT_USAGE;
    if (optind < argc)
        return kt_cli_usage(cli, "'%s' is not expected", argv[optind]);
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        char       text[KT_DOCTOR_TEXT] = "";
        const bool good                 = CHECKS[i].check(cli, text);
        kt_text_remove_controls(text);
        printf("%-11s %-6s %s\n", CHECKS[i].subject, good ? "ok" : "WRONG", text);
        (void)fflush(stdout);  // a check may take seconds
        code = good ? code : KT_EXIT_FAILED;
    }
    return code;
}
