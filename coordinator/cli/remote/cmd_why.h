// kt_cli_why -- `kithara jobs why ID`.
#pragma once

#include "coordinator/cli/cli.h"

int kt_cli_why(kt_cli_t *cli, const char *id);
