// models: chooses the verb.
#include "coordinator/cli/models/models.h"

#include <string.h>

static const kt_models_verb_t RUNS[] = {
    {"list", kt_models_list},     {"register", kt_models_register},
    {"deploy", kt_models_deploy}, {"rollback", kt_models_rollback},
    {"retire", kt_models_retire}, {"show", kt_models_show},
    {"input", kt_models_input},   {"run", kt_models_run},
    {"plan", kt_models_plan},     {"train-head", kt_models_train_head},
};

int
kt_cmd_models(kt_cli_t *cli, int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-')
        return kt_models_list(cli, argc, argv);
    for (size_t i = 0; i < sizeof RUNS / sizeof *RUNS; i++)
        if (!strcmp(RUNS[i].name, argv[1]))
            return RUNS[i].run(cli, argc - 1, argv + 1);
    return kt_cli_unknown(cli, "verb", argv[1], kt_verb_suggest(cli->command, argv[1]));
}
