#!/usr/bin/env python3
"""The tables of docs/gpu.md: what each CUDA kernel moves and computes, and the time that the limits of two GPUs allow.

    tests/bench/gpu_report.py [BUILD]           prints them
    tests/bench/gpu_report.py [BUILD] --write   puts them into docs/gpu.md, between its two marks
    tests/bench/gpu_report.py [BUILD] --check   exit 1 if the page has others

Needs BUILD/tests/gpu_bench_sim (bytes, by the simulator's counters; operations, by formula) and the reports of nvcc beside
the objects (registers). Exit 77 where either is missing. The simulator answers for each device (its limits of shared memory,
and whether its doubles are slow), so a kernel that differs has a row for each.
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops/checks"))
import spills  # noqa: E402

PAGE = ROOT / "docs/gpu.md"
BEGIN, END = "<!-- tables of tests/bench/gpu_report.py -->\n", "<!-- end of the tables -->\n"
RATE_HZ, FILE_S, COLUMNS, BROUGHT = 22050, 240, 185, 40  # BROUGHT: columns that are not kept, by eight
STAY, DERIVED = 4 * (128 + 2 * 7), 4 * (1 + 32)  # bytes per frame: mel, peaks and valleys stay; onset and bands come back


class Device:
    """Peaks of a data sheet; from them the clock, at one fused multiply-add a core, 128 cores a multiprocessor."""

    def __init__(self, name, arch, processors, memory, fp32, fp64, bus):
        self.found = []  # figures
        self.name, self.arch, self.memory, self.fp32, self.fp64, self.bus = name, arch, memory, fp32, fp64, bus
        clocks = fp32 / 256  # of all multiprocessors together
        self.special, self.shared = 16 * clocks, 32 * clocks
        self.about = f"{processors} multiprocessors at {clocks / processors / 1e9:.2f} GHz"


DEVICES = [Device("H200", "sm_90", 132, 4.8e12, 67e12, 34e12, 50e9),
           Device("L4", "sm_89", 58, 300e9, 30.3e12, 30.3e12 / 64, 25e9)]


class Figure:
    def __init__(self, line):
        self.kernel, self.what, *numbers = line.split("\t")
        (self.n_fft, self.hop, self.read, self.written, self.shared, self.fp64, self.fp32,
         self.special) = map(int, numbers)

    def values(self):
        return self.title(), self.read, self.written, self.shared, self.fp64, self.fp32, self.special

    def title(self):
        size = f", {self.n_fft}/{self.hop}" if self.n_fft else ""
        return f"`{self.kernel}`: {self.what}{size}"

    def limits(self, device):
        """ns a frame that memory, arithmetic and shared memory each need at least."""
        compute = max((self.fp64 / device.fp64, "double"), (self.fp32 / device.fp32, "float"),
                      (self.special / device.special, "special"))
        return {"memory": (self.read + self.written) / device.memory * 1e9, compute[1]: compute[0] * 1e9,
                "shared": self.shared / device.shared * 1e9}

    def least(self, device):
        return max(self.limits(device).values())


def figures(build, device):
    program = build / "tests/gpu_bench_sim"
    if not program.exists():
        return []
    env = {**os.environ, "KITHARA_SIM_DEVICE": device.name.lower()}
    out = subprocess.run([program, "--figures"], capture_output=True, text=True, check=True, env=env).stdout
    return [Figure(line) for line in out.splitlines()]


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 1 else f"{x:.2f}"


def table(heading, rows):
    return ["| " + " | ".join(heading) + " |", "|" + " --- |" * len(heading),
            *("| " + " | ".join(row) + " |" for row in rows), ""]


def work():
    same = [[f.values() for f in device.found] for device in DEVICES]
    rows = [(f.title() + ("" if f.values() in same[1 - i] else f" ({device.name})"), f)
            for i, device in enumerate(DEVICES) for f in device.found if i == 0 or f.values() not in same[0]]
    yield "### Work of a frame"
    yield ""
    yield from table(["kernel, n_fft/hop", "bytes in", "bytes out", "shared accesses", "operations in double", "in float",
                      "special functions"],
                     ([title, *(f"{n:,}" for n in f.values()[1:])] for title, f in rows))


def occupied(report, kernel, device):
    entry = report[kernel, device.arch]
    threads, dynamic = spills.launch(kernel, device.arch)
    shared = dynamic + entry["static"]
    blocks, percent = spills.occupancy(device.arch, threads, entry["registers"], shared)
    return [str(entry["registers"]), f"{shared:,}", f"{blocks} of {threads}, {percent} %"]


def bounds(figure, device):
    limits = figure.limits(device)
    slowest = max(limits, key=limits.get)
    return [", ".join(f"**{name} {number(ns)}**" if name == slowest else f"{name} {number(ns)}"
                      for name, ns in limits.items() if ns > 0)]


def limits(report):
    for device in DEVICES:
        yield f"### At best on an {device.name} ({device.about})"
        yield ""
        yield from table(["kernel, n_fft/hop", "registers", "shared bytes", "blocks an SM, occupancy",
                          "ns a frame: each limit, **the slowest**"],
                         ([f.title(), *occupied(report, f.kernel, device), *bounds(f, device)] for f in device.found))


def node_passes(device):
    """The GPU's work for a file: (kernels, frames, bytes in and out per frame, bytes copied on the device). The first pass
    brings the samples, the others copy them from there, and a pass's last kernel writes its rows; those of the first pass
    that stay are copied once more, for what is derived of them and for statistics. Those read eight columns at a time and
    write 257 quantiles of each column. The peaks' 20 KB of counts are within what their kernel writes."""
    def of(what, n_fft):
        return next(f for f in device.found if f.what.startswith(what) and f.n_fft == n_fft)
    frames, beats = FILE_S * RATE_HZ // 512 + 1, FILE_S * RATE_HZ // 220 + 1
    cqt = [of(f"constant-Q, {part}", 1024) for part in ("octaves", "transforms", "sum")]
    bass = [of("the bass, low values", 512), of("second pass, powers", 512), of("the bass, rows", 512)]
    cents = of("peaks in cents", 8192)
    passes = [([of("first pass, all", 2048)], frames),
              ([of("second pass, chroma", 2048)], frames),
              ([of("first pass, mel", 1024), of("rises", 1024)], beats),
              (cqt, frames),
              (bass, FILE_S * RATE_HZ // bass[0].hop + 1),
              ([cents], FILE_S * RATE_HZ // cents.hop + 1)]
    columns = [of(f"statistics, {part}", 2048) for part in ("columns", "sort and sums")]
    derived = [of("maxima", 2048), of("rows of a segment", 2048)]
    samples = [4 * run[0].hop for run, _ in passes]
    return [(run, n, 0 if i else samples[i], run[-1].written - (0 if i else STAY), 2 * (samples[i] if i else STAY))
            for i, (run, n) in enumerate(passes)] + [
        (derived, frames, 0, DERIVED, 0),
        (columns, frames, 4 * BROUGHT, COLUMNS * (40 + 4 * 257) / frames, 0)]


def cpu_ms(row):
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    return float(re.search(r"\| " + re.escape(row) + r"[^|]*\| ([\d.]+)", text)[1])


def cores_for(rate, ms_a_minute):
    return rate * ms_a_minute * FILE_S / 60 / 1000


def file_table(decode, rest):
    rows = []
    for device in DEVICES:
        passes = node_passes(device)
        kernels = sum(f.least(device) * n for run, n, *_ in passes for f in run) * 1e-9
        kernels += sum(copied * n for _, n, _, _, copied in passes) / device.memory
        bus = max(sum(there * n for _, n, there, *_ in passes), sum(back * n for _, n, _, back, _ in passes)) / device.bus
        rate = 1 / max(kernels, bus)
        rows.append([device.name, f"{kernels * 1e6:,.0f} us, {1 / kernels:,.0f}", f"{bus * 1e6:,.0f} us, {1 / bus:,.0f}",
                     f"{rate:,.0f}", f"{cores_for(rate, decode):,.0f}", f"{cores_for(rate, rest):,.0f}"])
    return table(["GPU", "kernels and copies: time a file, files a second", "bus: likewise", "the GPU's limit, files a second",
                  "cores that decode and resample so many", "cores that do all else of the analysis too"], rows)


def core_table(decode, rest, alone):
    def rate(cores, ms):
        return f"{cores * 1000 / (ms * FILE_S / 60):,.0f}"
    return table(["cores of a node", "files a second, decoding and resampling alone", "whole analysis, rows on a GPU",
                  "whole analysis without a GPU"],
                 ([str(c), rate(c, decode), rate(c, rest), rate(c, alone)] for c in (2, 8, 32, 64, 128)))


def node():
    opened, resampled = cpu_ms("open, digest"), cpu_ms("resampling to 22,050 Hz")
    alone = opened + cpu_ms("all of them together")
    rhythm = re.search(r"mel rows at a finer hop \(([\d.]+)\), their rises \(([\d.]+)\), the bass \(([\d.]+)\)",
                       (ROOT / "docs/performance.md").read_text(encoding="utf-8"))
    taken = (cpu_ms("rows, tuning, chroma, mfcc, onset") + cpu_ms("constant-Q, tonnetz") + cpu_ms("summaries")
             + sum(map(float, rhythm.groups())) + cpu_ms("key"))
    decode, rest = opened + resampled, alone - taken
    yield "### Files a second, and where decoding becomes the limit"
    yield ""
    yield (f"A file is {FILE_S // 60} minutes. A core needs {decode:.0f} ms a minute to open, decode and resample it, "
           f"{alone:.0f} for the whole analysis; the GPU\ntakes at most {taken:.0f} of them ({100 * taken / alone:.0f} %).")
    yield ""
    yield from file_table(decode, rest)
    yield from core_table(decode, rest, alone)


def tables(build):
    report = spills.read(build / "kernels/cuda")
    for device in DEVICES:
        device.found = figures(build, device)
    if not report or not all(device.found for device in DEVICES):
        return None
    return "\n".join([*work(), *limits(report), *node()]).rstrip("\n") + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    text = tables(pathlib.Path(arguments[0]) if arguments else ROOT / "build")
    if text is None:
        print("not compared: no gpu_bench_sim, or no report of nvcc (build with nvcc first)", file=sys.stderr)
        return 77
    if "--write" not in sys.argv and "--check" not in sys.argv:
        print(text, end="")
        return 0
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    old, after = rest.split(END)
    if "--check" in sys.argv:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), "docs/gpu.md", "now"))
        return int(old != text)
    PAGE.write_text(before + BEGIN + text + END + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
