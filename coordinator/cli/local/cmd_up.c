#include "common/paths.h"
#include "coordinator/cli/local/farm.h"
#include "coordinator/cli/local/folders.h"
#include "coordinator/cli/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT_MAX = 4 * KT_ROOT_BYTES + 1 };  // each byte escaped

int
kt_cmd_up(kt_cli_t *cli, int argc, char **argv)
{
    const char  *workers = NULL;
    kt_folders_t folders = {0};
    char         state[PATH_MAX], why[KT_FARM_WHY] = "";
    kt_farm_t   *farm = NULL;
    kt_buf_t     home_root;
    kt_buf_init(&home_root, ROOT_MAX);
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1; workers = optarg)
        if (c == '?' || (c == KT_OPT_WORKERS && !kt_cli_workers(cli, optarg)))
            return KT_EXIT_USAGE;
    kt_err_t err = kt_folders_take(&folders, argv + optind, (size_t)(argc - optind), why);
    if (err) {
        kt_buf_fini(&home_root);
        kt_folders_fini(&folders);
        return kt_cli_fail(err, why, NULL);
    }
    const char *home = getenv("HOME");
    kt_roots_add(&home_root, home && *home ? home : "/");
    const char          *roots = folders.n                     ? folders.roots
                                 : *cli->settings->media_roots ? cli->settings->media_roots
                                                               : home_root.bytes;
    const kt_farm_opts_t opts  = {.cli         = cli,
                                  .state_dir   = kt_settings_state_dir(cli->settings, state, sizeof state),
                                  .media_roots = roots,
                                  .workers     = workers};
    err                        = home_root.err ? home_root.err : kt_farm_new(&farm, &opts, why);
    if (!err) {
        printf("kithara %s is up: nodes at %s, HTTP at %s, media roots %s\n"
               "Try `kithara submit FILE...`, `kithara status`, `kithara nodes`. Ctrl-C ends it.\n",
               KT_VERSION, kt_farm_router(farm), kt_farm_http(farm), roots);
        fflush(stdout);
        for (kt_farm_event_t event; (event = kt_farm_step(farm, 1000)) != KT_FARM_ENDED;) {
            if (event == KT_FARM_STOP)
                fprintf(stderr, "kithara: finishing the files in progress; Ctrl-C again stops at once\n");
            if (event == KT_FARM_UNABLE)
                err = KT_ECLOSED;
        }
    }
    kt_farm_destroy(&farm);
    kt_folders_fini(&folders);
    kt_buf_fini(&home_root);
    if (err == KT_EWRITE && !*why)  // of the files that a farm makes at its start
        return kt_cli_fail(err, state, "set ANALYZER_STATE_DIR to a folder of this user");
    return err == KT_ECLOSED ? KT_EXIT_FAILED : err ? kt_cli_fail(err, "up", why) : KT_EXIT_OK;
}
