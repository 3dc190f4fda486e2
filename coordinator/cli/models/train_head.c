// models train-head: `python3 -m models.train head` of the source tree or the installation that this program belongs
// to.
#include "coordinator/cli/models/models.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGUMENTS = 64 };

// From the program's folder: a build folder of a clone, or the bin of a prefix.
static const char *const ROOTS[] = {"../..", "../share/kithara"};

static bool
find_root(char root[PATH_MAX])
{
    char    own[PATH_MAX / 2], probe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    if (n <= 0)
        return false;
    own[n]      = '\0';
    char *slash = strrchr(own, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof ROOTS / sizeof *ROOTS; i++) {
        snprintf(probe, sizeof probe, "%s/%s/models/train/__main__.py", own, ROOTS[i]);
        snprintf(root, PATH_MAX, "%s/%s", own, ROOTS[i]);
        if (access(probe, R_OK) == 0)
            return true;
    }
    return false;
}

int
kt_models_train_head(kt_cli_t *cli, int argc, char **argv)
{
    static char fixed[][16] = {"python3", "-m", "models.train", "head"};
    enum { FIXED = sizeof fixed / sizeof *fixed };
    char root[PATH_MAX], *python = getenv("KITHARA_PYTHON"), *command[FIXED + ARGUMENTS + 1] = {NULL};
    if (argc - 1 > ARGUMENTS)
        return kt_cli_usage(cli, "at most %d arguments", ARGUMENTS);
    if (!find_root(root))
        return kt_cli_fail(KT_ENOTFOUND, "models/train", "it is part of the source tree: run this in a clone");
    for (size_t i = 0; i < FIXED; i++)
        command[i] = fixed[i];
    if (python)
        command[0] = python;
    for (int i = 1; i < argc; i++)
        command[FIXED - 1 + i] = argv[i];
    if (setenv("PYTHONPATH", root, 1) || setenv("ANALYZER_MODEL_PATH", cli->settings->model_path, 1))
        return kt_cli_fail(KT_ENOMEM, "train-head", NULL);
    execvp(command[0], command);
    return kt_cli_fail(errno == ENOENT ? KT_ENOFILE : KT_ESYSTEM, command[0], "KITHARA_PYTHON names another Python");
}
