// kithara doctor -- what this machine offers a node, one line per subject; exit 1 if something is wrong.
#include "common/log.h"
#include "coordinator/cli/options.h"
#include "node/run/gpus.h"

#include <getopt.h>
#include <stdio.h>

enum { TEXT_BYTES = 512 };

typedef enum outcome { GOOD, WRONG } outcome_t;

// The GPU that a node uses, or why none. None is wrong only where --gpu asks for one.
static outcome_t
check_gpu(const kt_cli_t *cli, char text[TEXT_BYTES])
{
    kt_gpus_t     *gpus            = NULL;
    char           why[KT_GPU_WHY] = "", name[64];
    const kt_err_t err             = kt_gpus_of(cli->settings, &gpus, why);
    if (err)
        snprintf(text, TEXT_BYTES, "none, %s computes: %s", kt_device_text(cli->settings, NULL, name),
                 *why ? why : kt_err_text(err));
    else
        snprintf(text, TEXT_BYTES, "%s", kt_gpus_name(gpus, name, sizeof name));
    (void)kt_gpus_close(&gpus);
    return err && cli->gpu ? WRONG : GOOD;
}

static const struct {
    const char *subject;
    outcome_t (*check)(const kt_cli_t *cli, char text[TEXT_BYTES]);
} CHECKS[] = {
    {"gpu", check_gpu},
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
        char            text[TEXT_BYTES] = "";
        const outcome_t outcome          = CHECKS[i].check(cli, text);
        printf("%-10s %-6s %s\n", CHECKS[i].subject, outcome == GOOD ? "ok" : "WRONG", text);
        code = outcome == GOOD ? code : KT_EXIT_FAILED;
    }
    return code;
}
