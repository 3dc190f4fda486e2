// The verbs of `kithara models`. Each parses its options like a command; argv[0] is its name. A new verb is a row of
// KT_MODELS_VERBS in commands_local.c, one of RUNS in cmd_models.c, and a function here.
#pragma once

#include "coordinator/cli/options.h"

#include <limits.h>

typedef struct kt_models_verb {
    const char *name;
    int (*run)(kt_cli_t *cli, int argc, char **argv);
} kt_models_verb_t;

int kt_models_list(kt_cli_t *cli, int argc, char **argv);
int kt_models_register(kt_cli_t *cli, int argc, char **argv);
int kt_models_deploy(kt_cli_t *cli, int argc, char **argv);
int kt_models_rollback(kt_cli_t *cli, int argc, char **argv);
int kt_models_retire(kt_cli_t *cli, int argc, char **argv);
int kt_models_show(kt_cli_t *cli, int argc, char **argv);
int kt_models_input(kt_cli_t *cli, int argc, char **argv);
int kt_models_run(kt_cli_t *cli, int argc, char **argv);
int kt_models_plan(kt_cli_t *cli, int argc, char **argv);
int kt_models_train_head(kt_cli_t *cli, int argc, char **argv);

// The folder of cuDNN's plans beside a model file.
void kt_models_plans_folder(char out[PATH_MAX], const char *model);
