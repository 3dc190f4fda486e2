#!/usr/bin/env python3
"""The walls of the house: which folder may include which, and the one home of each third-party header.

Prints each breach as FILE:LINE: sentence; exit 1 if there is one.
"""
import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# Folder -> folders of ours that it may include. The longest matching prefix of a file's path decides.
MAY = {
    "common": ["common"],
    "proto": ["common", "proto"],
    "kernels": ["common", "kernels"],
    "models": ["common", "models", "kernels"],
    "node": ["common", "proto", "kernels", "models", "node"],
    "node/decoder": ["common", "node/decoder", "node/decode/client.h"],
    "coordinator": ["common", "proto", "coordinator"],
    "coordinator/cli": ["common", "proto", "coordinator", "node", "kernels"],
    "tests": ["common", "proto", "kernels", "models", "node", "coordinator", "tests"],
}

# Third-party header (pattern) -> files (patterns) that may include it. Tests may include what they test with.
HOMES = {
    "libavformat/*": ["node/decoder/*"],
    "libavcodec/*": ["node/decoder/*"],
    "libavutil/*": ["node/decoder/*"],
    "libswresample/*": ["node/decoder/*"],
    "libswscale/*": ["node/decoder/*"],
    "seccomp.h": ["node/decoder/*"],
    "msgpack*": ["proto/*"],
    "jansson.h": ["common/json.*", "proto/*"],
    "sodium.h": ["common/*"],
    "yaml.h": ["models/catalogue.*"],
    "cairo*": ["coordinator/cli/plot*.c"],
    "zmq.h": ["common/socket.*", "common/curve.*", "common/zap.*", "node/link/dealer.c", "coordinator/link/router.c"],
    "czmq.h": ["common/socket.*", "common/curve.*", "common/zap.*", "node/link/dealer.c", "coordinator/link/router.c"],
    "hiredis/*": ["coordinator/result_cache/cache.c"],
    "amqp*.h": ["coordinator/amqp_*.c", "tests/bench/amqp_load.c"],
    "rabbitmq-c/*": ["coordinator/amqp_*.c"],
    "libpq-fe.h": ["coordinator/ledger_postgres*", "tests/unit/coordinator/ledger_postgres*"],
    "sqlite3.h": ["coordinator/ledger_sqlite*"],
    "microhttpd.h": ["coordinator/http/server.c"],
    "soxr.h": ["kernels/audio/resample.c"],
    "curl/*": ["node/fetch*.c", "coordinator/cli/client.c"],
    "cuda*": ["kernels/cuda/*", "models/exec_cuda.*", "tests/cudasim/*", "tests/bench/gpu_*"],
    "cufft*": ["kernels/cuda/*", "tests/cudasim/*", "tests/bench/gpu_*"],
    "cudnn*": ["models/exec_cuda.*"],
    "cublas*": ["models/exec_cuda.*", "tests/cudasim/*", "tests/bench/gpu_*"],
    "dnnl.h": ["models/exec_cpu.*"],
    "nvml.h": ["kernels/cuda/*"],
    "criterion/*": ["tests/*"],
}
# Public headers that other programs may see across the wall between node and coordinator (the CLI alone).
OURS = ("common/", "proto/", "kernels/", "models/", "node/", "coordinator/", "tests/")


def folder_rule(path):
    best = max((f for f in MAY if path.startswith(f + "/")), key=len, default=None)
    return best, MAY.get(best, [])


def breaches(path, number, header):
    if header.startswith(OURS):
        home, allowed = folder_rule(path)
        if home and not any(header == a or header.startswith(a + "/") for a in allowed):
            yield f"{path}:{number}: {home} may not include {header}"
        return
    for pattern, homes in HOMES.items():
        if fnmatch.fnmatch(header, pattern) and not any(fnmatch.fnmatch(path, h) for h in homes):
            if path.startswith("tests/") and header in ("zmq.h", "czmq.h", "sqlite3.h", "jansson.h", "msgpack.h"):
                continue
            yield f"{path}:{number}: {header} has its home in {', '.join(homes)}"


def main():
    found = 0
    for file in sorted(ROOT.rglob("*.[ch]")) + sorted(ROOT.rglob("*.cu")):
        path = file.relative_to(ROOT).as_posix()
        if path.startswith("build"):
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            for sentence in breaches(path, number, match[2]) if match else ():
                print(sentence)
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
