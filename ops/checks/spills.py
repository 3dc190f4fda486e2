#!/usr/bin/env python3
"""What nvcc says of every CUDA kernel: no register may be spilled, on no architecture that is built for.

    ops/checks/spills.py [BUILD]                     reads the compiler's reports beside the objects (BUILD/kernels/cuda)
    ops/checks/spills.py [BUILD] --report sm_90,...  also prints the table of docs/gpu.md: registers, shared memory, occupancy
    ops/checks/spills.py [BUILD] --resources sm_90   prints what the simulator reads (KITHARA_SIM_RESOURCES): a line of
                                                     kernel, registers and bytes of static shared memory each

Prints each breach as KERNEL ARCHITECTURE: sentence; exit 1 if there is one, 2 if there is no report to read. Shared memory
is what the defaults (22,050 Hz, 128 mels) ask for at the kernel's n_fft, by kernels/cuda/plan.c.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"Compiling entry function '([^']+)' for '([^']+)'")
SPILL = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?, (\d+) bytes smem)?")

# Of one multiprocessor: registers, threads, blocks, bytes of shared memory (CUDA C++ Programming Guide, table 21 ff.).
DEVICES = {"sm_75": (65536, 1024, 16, 65536), "sm_80": (65536, 2048, 32, 167936), "sm_86": (65536, 1536, 16, 102400),
           "sm_89": (65536, 1536, 24, 102400), "sm_90": (65536, 2048, 32, 233472), "sm_100": (65536, 2048, 32, 233472),
           "sm_120": (65536, 1536, 24, 102400)}


def architectures(build):
    text = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    return ["sm_" + a for a in re.search(r"^KT_CUDA_ARCHITECTURES:\w+=([\d;]+)$", text, re.MULTILINE)[1].split(";")]


def names(mangled):
    plain = subprocess.run(["c++filt", *mangled], capture_output=True, text=True, check=True).stdout.splitlines()
    return {m: re.sub(r"^void |\(.*\)$", "", p) for m, p in zip(mangled, plain)}


def read(folder):
    """(kernel, architecture) -> {"spill": bytes, "stack": bytes, "registers": n, "static": bytes}"""
    found, entry = {}, None
    for report in sorted(folder.glob("*.ptxas")):
        for line in report.read_text(encoding="utf-8").splitlines():
            if match := ENTRY.search(line):
                entry = found.setdefault((match[1], match[2]), {})
            elif entry is not None and (match := SPILL.search(line)):
                entry["stack"], entry["spill"] = int(match[1]), int(match[2]) + int(match[3])
            elif entry is not None and (match := USED.search(line)):
                entry["registers"], entry["static"] = int(match[1]), int(match[2] or 0)
    plain = names(sorted({kernel for kernel, _ in found})) if found else {}
    return {(plain[kernel], arch): entry for (kernel, arch), entry in found.items()}


def breaches(found, wanted):
    kernels = sorted({kernel for kernel, _ in found})
    for kernel in kernels:
        for arch in wanted:
            entry = found.get((kernel, arch))
            if not entry or "spill" not in entry or "registers" not in entry:
                yield f"{kernel} {arch}: the compiler says nothing of it"
            elif entry["spill"]:
                yield f"{kernel} {arch}: spills {entry['spill']} bytes of registers"
            elif entry["stack"]:
                yield f"{kernel} {arch}: keeps {entry['stack']} bytes in local memory"


def padded(size):
    return (size + 15) // 16 * 16


def second_bytes(points, group):
    """Shared memory of the second pass with the spectra of `group` frames (kernels/cuda/plan.c)."""
    spectra = [4 * group * (points + 1)] if group > 1 else []
    return sum(map(padded, [8 * (points + points // 16), 8 * points, 40, 4 * group * 12, 12 * (points + 1), *spectra]))


def launch(kernel, arch="sm_90"):
    """Threads of a block and bytes of its dynamic shared memory, with the default settings."""
    points = re.search(r"<(\d+)>", kernel)
    if "frontend" in kernel or "twofloat" in kernel or "kt_mel" in kernel:
        p, mels, weights, real = int(points[1]), 128, 0, 4 if "kt_mel" in kernel else 8
        bins, cells = p + 1, p + p // (64 // real)
        first, end = (round(150 * 2 * p / 22050 + 0.5), round(4000 * 2 * p / 22050 + 0.5))
        weights = 2 * bins
        others = [] if "kt_mel" in kernel else [2 * 32 * 7 * 4, 2 * 2 * ((end - first) // 2 + 1)]
        parts = [2 * real * cells, 8 * p, 40, 32 * 64, *others, 32 * 8 * 8, 8 * mels, 4 * weights]
        return p // 8, sum(map(padded, parts))
    if "kt_second" in kernel:
        p, limit = int(points[1]), DEVICES[arch][3] - 1024
        blocks = min(2, limit // second_bytes(p, 1))
        group = next(g for g in (4, 2, 1) if limit // second_bytes(p, g) >= blocks)
        return p // 8, second_bytes(p, group)
    if "cqt_kernel" in kernel:  # workspace, cells, ring (kernels/cuda/cqt.cu)
        p = int(points[1])
        workspace = 160 * (16 + 8) + 768 * 4 + 36 * (3 + 1) * 4 + 40 + 8
        return p // 8, padded(workspace) + 8 * (p + p // 16) + 8 * p
    if "cqt" in kernel:
        return 128, 0
    if "cents" in kernel:  # cells, workspace (kernels/cuda/cents.cu)
        p = int(points[1])
        return p // 8, 8 * (p + p // 16) + 16 * (8 + 4) + 64 * 4
    if "bass" in kernel:
        return (128 if "low" in kernel else 192), 0
    if "segments" in kernel:
        return 128, padded(9 * 128 * 4) + padded(13 * 128 * 4)
    if "maxima" in kernel:
        return 128, 0
    if "weighting" in kernel:
        return 512, 0
    if "kt_spectra" in kernel:
        return int(points[1]) // 8, 0
    if "resample" in kernel:  # 44.1 kHz
        return 128, 4 * (4 * 128 * 2 + 2 * 204)
    if "split_rows" in kernel:
        return 256, sum(map(padded, [4 * 8193, 40, 32 * 64, 2 * 32 * 7 * 4, 2 * 2 * 1431, 32 * 8 * 8, 8 * 128]))
    if "split_second" in kernel:
        return 256, padded(4 * 8193) + padded(40) + padded(48)
    return 256, 0


def occupancy(arch, threads, registers, shared):
    most_registers, most_threads, most_blocks, most_shared = DEVICES[arch]
    warp = -(-registers * 32 // 256) * 256  # a warp's registers are given out by 256
    reserved = 0 if arch == "sm_75" else 1024  # of each block's shared memory, by the system
    blocks = min(most_blocks, most_threads // threads, most_registers // (warp * (threads // 32)),
                 most_shared // (shared + reserved) if shared + reserved else most_blocks)
    return blocks, 100 * blocks * threads // most_threads


def report(found, wanted):
    print("| kernel | threads | shared bytes | " + " | ".join(f"{a} registers | {a} blocks an SM, occupancy" for a in wanted) + " |")
    print("| --- |" + " --- |" * (2 + 2 * len(wanted)))
    for kernel in sorted({kernel for kernel, _ in found}):
        threads, dynamic = launch(kernel, wanted[0])
        cells = []
        for arch in wanted:
            entry = found[kernel, arch]
            blocks, percent = occupancy(arch, threads, entry["registers"], dynamic + entry["static"])
            cells += [str(entry["registers"]), f"{blocks}, {percent} %" if blocks else "does not fit"]
        static = found[kernel, wanted[0]]["static"]
        print(f"| `{kernel}` | {threads} | {dynamic + static:,} | " + " | ".join(cells) + " |")


def main():
    arguments = sys.argv[1:]
    wanted = None
    if "--report" in arguments:
        at = arguments.index("--report")
        wanted = arguments[at + 1].split(",")
        del arguments[at:at + 2]
    resources = None
    if "--resources" in arguments:
        at = arguments.index("--resources")
        resources = arguments[at + 1]
        del arguments[at:at + 2]
    build = pathlib.Path(arguments[0]) if arguments else ROOT / "build"
    found = read(build / "kernels/cuda")
    if found and not wanted:
        found |= read(build / "models/backend/cuda/kernels")
    if not found:
        print(f"no report of nvcc under {build}/kernels/cuda: build with nvcc first", file=sys.stderr)
        return 2
    if resources:
        for (kernel, arch), entry in sorted(found.items()):
            if arch == resources:
                print(kernel, entry["registers"], entry["static"])
        return 0
    bad = list(breaches(found, architectures(build)))
    for sentence in bad:
        print(sentence)
    if wanted:
        report(found, wanted)
    else:
        print(f"{len(found)} kernels and architectures, {len(bad)} breaches")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
