#!/usr/bin/env python3
"""Checks which folder includes which (walls.txt), that folders form no circle, how many source files a folder has, and
the one home of each third-party header.

Prints each breach as FILE:LINE: sentence; exit 1 if there is one. --graph prints the includes between folders.
"""
import collections
import fnmatch
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WALLS = pathlib.Path(__file__).with_name("walls.txt")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
OURS = ("common/", "proto/", "kernels/", "models/", "node/", "lib/", "coordinator/", "tests/")
MOST_FILES = 60  # source files in one folder

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
    "yaml.h": ["models/catalogue/yaml.*"],
    "xxhash.h": ["models/format/*"],
    "cairo*": ["coordinator/cli/plot/*.c", "coordinator/cli/film/still.c"],
    "zmq.h": ["common/socket.*", "common/curve.*", "common/zap.*", "common/loop.*", "node/link/dealer.c", "coordinator/link/router.c"],
    "czmq.h": ["common/socket.*", "common/curve.*", "common/zap.*", "common/loop.*", "node/link/dealer.c", "coordinator/link/router.c"],
    "hiredis/*": ["coordinator/result_cache/cache.c"],
    "openssl/*": ["coordinator/result_cache/tls.c", "tests/unit/coordinator/result_cache/tls_test.c"],
    "amqp*.h": ["coordinator/amqp/*.c", "tests/bench/amqp_load.c"],
    "rabbitmq-c/*": ["coordinator/amqp/*.c"],
    "libpq-fe.h": ["coordinator/ledger/postgres/*", "tests/unit/coordinator/ledger/postgres*"],
    "sqlite3.h": ["coordinator/ledger/sqlite/*"],
    "microhttpd.h": ["coordinator/http/server.c"],
    "zlib.h": ["coordinator/http/gzip.c"],
    "soxr.h": ["kernels/audio/resample.c"],
    "taglib/*": ["coordinator/cli/tag/tag_file.cpp", "coordinator/cli/tag/fd_stream.h"],
    "curl/*": ["node/fetch/*.c", "coordinator/cli/client.c"],
    "cuda*": ["kernels/cuda/*", "models/backend/cuda/*", "tests/cudasim/*", "tests/bench/gpu_*"],
    "cufft*": ["tests/cudasim/*", "tests/bench/gpu_*"],
    "cudnn*": ["models/backend/cuda/*", "tests/cudasim/*", "tests/unit/models/backend/cuda/*"],
    "cublas*": ["models/backend/cuda/*", "tests/cudasim/*", "tests/bench/gpu_*"],
    "oneapi/dnnl/*": ["models/backend/cpu/*"],
    "omp.h": ["models/backend/cpu/dnn.c"],
    "nvml.h": ["kernels/cuda/*"],
    "criterion/*": ["tests/*"],
}
TESTS_MAY = ("zmq.h", "czmq.h", "sqlite3.h", "jansson.h", "msgpack.h", "xxhash.h")


def read_walls():
    """({folder: set of folders}, [(folder, folder)] that are known to include each other, each with a written reason)."""
    walls, circles = {}, set()
    for line in WALLS.read_text(encoding="utf-8").splitlines():
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        name, _, rest = line.partition(":")
        if name.startswith("circle "):
            circles.add(frozenset(name.split()[1:]))
            if not rest.strip():
                sys.exit(f"{WALLS.name}: '{name}' gives no reason")
            continue
        walls[name] = set(rest.split())
    return walls, circles


def sources():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                             "*.c", "*.h", "*.cpp", "*.cu", "*.cuh", "*.def"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.split() if (ROOT / path).exists()]


def nearest(walls, folder):
    """The folder itself or the parent that has a line in walls.txt; None: no line."""
    while folder and folder not in walls:
        folder = folder.rpartition("/")[0]
    return folder or None


def foreign(path, header):
    for pattern, homes in HOMES.items():
        if fnmatch.fnmatch(header, pattern) and not any(fnmatch.fnmatch(path, home) for home in homes):
            if not (path.startswith("tests/") and header in TESTS_MAY):
                return f"{header} has its home in {', '.join(homes)}"
    return None


def wall(walls, path, header):
    """Why the file may not include this header of ours; None: it may."""
    if path.startswith("tests/"):
        return None
    folder, target = path.rpartition("/")[0], header.rpartition("/")[0]
    line = nearest(walls, folder)
    if line is None:
        return f"{folder} has no line in ops/checks/walls.txt"
    if target == folder or target in walls[line]:
        return None
    if any((target + "/").startswith(root + "/") and nearest(walls, target) == root for root in walls[line] | {line}):
        return None  # a folder below an allowed one that has no line of its own
    return f"{folder} may not include {header} (ops/checks/walls.txt)"


def circles_of(arrows):
    """Pairs of folders that reach each other, by depth-first search over the arrows."""
    graph = collections.defaultdict(set)
    for start, end in arrows:
        graph[start].add(end)

    def reachable(start):
        seen, todo = set(), [start]
        while todo:
            for after in graph[todo.pop()] - seen:
                seen.add(after)
                todo.append(after)
        return seen

    reach = {folder: reachable(folder) for folder in list(graph)}
    return {frozenset((a, b)) for a in reach for b in reach[a] if a != b and a in reach.get(b, ())}


def main():
    walls, known = read_walls()
    arrows, breaches, crowd = {}, [], collections.Counter()
    for path in sources():
        folder = path.rpartition("/")[0]
        if not path.startswith("tests/"):
            crowd[folder] += 1
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match[2]
            ours = header.startswith(OURS) and not header.endswith(".inc")
            why = wall(walls, path, header) if ours else foreign(path, header)
            if why:
                breaches.append(f"{path}:{number}: {why}")
            if ours and not path.startswith("tests/") and header.rpartition("/")[0] != folder:
                arrows.setdefault((folder, header.rpartition("/")[0]), f"{path}:{number}")
    for pair in sorted(map(sorted, circles_of(arrows) - known)):
        breaches.append(f"{arrows.get(tuple(pair), pair[0])}: {pair[0]} and {pair[1]} include each other, "
                        "directly or through others")
    breaches += [f"{folder}: {n} source files, at most {MOST_FILES}" for folder, n in crowd.items() if n > MOST_FILES]
    if "--graph" in sys.argv[1:]:
        for start in sorted({a for a, _ in arrows}):
            print(start, "->", " ".join(sorted(b for a, b in arrows if a == start)))
    print("\n".join(breaches), end="\n" if breaches else "")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
