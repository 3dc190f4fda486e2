// What the machine itself has: media roots, decoder, GPU.
#include "common/paths.h"
#include "coordinator/cli/local/doctor.h"
#include "node/decode/client.h"
#include "node/decode/walls.h"
#include "node/run/gpus.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

kt_checked_t
kt_doctor_roots(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    char        root[KT_ROOT_BYTES], shown[KT_ROOT_BYTES];
    size_t      n  = 0;
    const char *at = cli->settings->media_roots;
    while (kt_roots_next(&at, root)) {
        DIR *folder = opendir(root);
        if (!folder) {
            snprintf(text, KT_CHECKED_TEXT, "%.300s: %s: make it readable, or take it out of ANALYZER_MEDIA_ROOTS",
                     kt_path_show(root, shown, sizeof shown) ? shown : "a root", strerror(errno));
            return false;
        }
        closedir(folder);
        n++;
    }
    if (n == 0)
        snprintf(text, KT_CHECKED_TEXT,
                 "none set: a node opens no file without ANALYZER_MEDIA_ROOTS; run and up set their own");
    else
        snprintf(text, KT_CHECKED_TEXT, "%zu readable: %.400s", n, cli->settings->media_roots);
    return true;
}

kt_checked_t
kt_doctor_decoder(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    (void)cli;
    kt_decode_server_t *server = NULL;
    char                missing[128];
    kt_err_t            err = kt_decode_server_new(&server, NULL);
    if (err) {
        snprintf(text, KT_CHECKED_TEXT, "kithara-decode does not start: %s: it belongs beside this program",
                 kt_err_text(err));
        return false;
    }
    const uint32_t absent = KT_WALLS_ALL & ~kt_decode_server_walls(server);
    kt_decode_server_destroy(&server);
    kt_walls_print(absent, missing, sizeof missing);
    snprintf(text, KT_CHECKED_TEXT,
             absent ? "starts, without these walls, which the kernel or container forbids: %s"
                    : "starts, behind all walls%s",
             missing);
    return !(absent & KT_WALL_CALLS);  // without the list of system calls nothing else holds
}

// The GPU that a node uses, or why none. None is wrong only where --gpu asks for one.
kt_checked_t
kt_doctor_gpu(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    kt_gpus_t     *gpus            = NULL;
    char           why[KT_GPU_WHY] = "", name[64];
    const kt_err_t err             = kt_gpus_of(cli->settings, &gpus, why);
    if (err)
        snprintf(text, KT_CHECKED_TEXT, "none, %s computes: %s", kt_device_text(cli->settings, NULL, name),
                 *why ? why : kt_err_text(err));
    else
        snprintf(text, KT_CHECKED_TEXT, "%s", kt_gpus_name(gpus, name, sizeof name));
    (void)kt_gpus_close(&gpus);
    return !err || !cli->gpu;
}
