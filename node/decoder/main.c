// kithara-decode -- Kithara's only program that links FFmpeg. The node starts it with a socket as descriptor 3, on
// which it uses the protocol of node/decode/protocol.h; it is not meant to be started by hand.
#include "common/fault.h"
#include "node/decode/protocol.h"
#include "node/decoder/avlog.h"
#include "node/decoder/server.h"

#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int
usage(int code)
{
    FILE *to = code ? stderr : stdout;
    (void)fprintf(to,
                  "kithara-decode %s: the decoder of kithara-node, which starts it by itself.\n"
                  "It decodes each media file in a sandboxed process of its own.\n"
                  "Example: kithara analyze song.flac\n",
                  KT_VERSION);
    return code;
}

int
main(int argc, char **argv)
{
    if (argc > 1)
        return usage(strcmp(argv[1], "--help") && strcmp(argv[1], "--version") ? 2 : 0);
    int       type  = 0;
    socklen_t bytes = sizeof type;
    if (getsockopt(KT_DECODE_FD, SOL_SOCKET, SO_TYPE, &type, &bytes) || type != SOCK_SEQPACKET)
        return usage(2);
    char             why[KT_TEST_FAULT_WHY];
    kt_test_faults_t faults = {0};
    const char      *asked  = getenv("KITHARA_DECODE_FAULT");
    if (asked && kt_test_faults_parse(&faults, KT_TEST_FAULT_IN_DECODER, asked, why)) {
        (void)fprintf(stderr, "kithara-decode: KITHARA_DECODE_FAULT: %s\n", why);
        return 2;
    }
    kt_avlog_install();
    kt_err_t err = kt_server_run(KT_DECODE_FD, &faults);
    if (err != KT_OK)
        (void)fprintf(stderr, "kithara-decode: %s: %s\n", kt_err_name(err), kt_err_text(err));
    return err == KT_OK ? 0 : 1;
}
