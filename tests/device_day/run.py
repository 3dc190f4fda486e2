#!/usr/bin/env python3
"""The first day on a GPU: checks, measures, and writes one table beside what was predicted.

    run.py [--bundle .day] [--out FOLDER] [--seconds 560] [--rehearsal]

Needs the bundle that `ops/device-day pack` makes, and Python's standard library; no network, no package manager. Each
step has its own limit of time, its output goes to FOLDER/STEP.log, and a step that fails does not stop the others, except
the first check of the kernels: after it nothing would mean anything. FOLDER/day.md is the table, FOLDER/day.json the same.
--rehearsal: the bundle has the simulated device; times mean nothing and the tools of a GPU host are not asked for.
Exit 1 if a step failed, 2 for bad usage.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "farm"))
from documents_agree import LIMIT, differences  # noqa: E402

HERE = pathlib.Path("/tmp/kithara-day")  # where the bundle's programs expect their loader and libraries (pack.py)
SANITIZERS = (("memcheck", 40), ("racecheck", 60), ("synccheck", 20), ("initcheck", 20))
COPIES = 96
# Of an H200, by docs/gpu.md ("What the limits allow") and arithmetic of the bus: (least, expected).
PREDICTED = {
    "first pass, all rows, 2048: ns per frame": (3.5, 15),
    "second pass, chroma, 2048: ns per frame": (2.3, 10),
    "memory: GB/s": (None, 4300),
    "to device, 64 MB: GB/s": (None, 50),
    "launch: us": (None, 8),
    "GPU over processor at 8 workers, files/s": (1.0, 1.1),
}


class Day:
    def __init__(self, options):
        self.bundle = options.bundle.resolve()
        self.out = options.out
        self.rehearsal = options.rehearsal
        self.end = time.monotonic() + options.seconds
        self.steps, self.figures = [], []
        self.environment = {**os.environ, "HOME": str(self.out), "KITHARA_DECODE": str(self.bundle / "bin/kithara-decode")}

    def program(self, name):
        return str(self.bundle / "bin" / name)

    def figure(self, name, value, unit=""):
        self.figures.append({"name": name, "value": value, "unit": unit, "predicted": PREDICTED.get(name)})

    def run(self, log, command, limit, env=None, check=True):
        """(status, output); status None: past its limit. What it printed is in the log, too."""
        limit = max(1, min(limit, self.end - time.monotonic()))
        try:
            done = subprocess.run(command, env={**self.environment, **(env or {})}, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=limit)
            status, text = done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            status, text = None, (late.stdout or b"").decode(errors="replace") + f"\npast its limit of {limit:.0f} s\n"
        except OSError as error:
            status, text = 127, f"{command[0]}: {error}\n"
        with open(self.out / f"{log}.log", "a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(command)}\n{text}\nstatus {status}\n")
        if check and status != 0:
            last = [line for line in text.splitlines() if line.strip()][-1:]
            raise RuntimeError(f"{pathlib.Path(command[0]).name}: status {status}: {' '.join(last)}")
        return status, text

    def step(self, name, function):
        """True: it passed or has nothing to do here."""
        begin, word, why = time.monotonic(), "passed", ""
        if begin >= self.end:
            word, why = "not run", "no time is left"
        else:
            try:
                why = function() or ""
                if why.startswith("not run"):
                    word, why = "not run", why[len("not run: "):]
            except (RuntimeError, OSError, ValueError, KeyError, IndexError) as error:
                word, why = "FAILED", f"{type(error).__name__ if not isinstance(error, RuntimeError) else ''} {error}".strip()
        self.steps.append({"step": name, "result": word, "seconds": round(time.monotonic() - begin, 1), "text": why})
        print(f"{word:8} {name} ({self.steps[-1]['seconds']} s) {why}", flush=True)
        return word != "FAILED"

    # --- the steps ---------------------------------------------------------------------------------------------------

    def host(self):
        self.run("host", ["uname", "-a"], 5, check=False)
        self.run("host", ["nvidia-smi", "-q"], 20, check=False)
        for name in sorted(os.listdir(self.bundle / "bin")):
            _, text = self.run("host", [self.program(name), "--version"] if name.startswith("kithara") and ".so" not in name
                               else ["true"], 10, check=False)
        for library in ("libcuda.so.1", "libnvidia-ml.so.1", "libcudnn_graph.so.9"):
            _, text = self.run("host", ["ldconfig", "-p"], 5, check=False)
            if library in text:
                self.figure(f"{library} is there", True)
        return f"{platform.platform()}, {os.cpu_count()} cores"

    def kernels_quick(self):
        _, text = self.run("kernels", [self.program("kernel_check_gpu"), "--quick"], 30 if not self.rehearsal else 200)
        return text.splitlines()[-1]

    def kernels_whole(self):
        if self.rehearsal:
            return "not run: a rehearsal checks the quick part"
        _, text = self.run("kernels", [self.program("kernel_check_gpu")], 60)
        return text.splitlines()[-1]

    def bench(self):
        tiny = ["--tiny"] if self.rehearsal else []
        _, text = self.run("bench", [self.program("gpu_bench"), "--json", *tiny], 100 if not self.rehearsal else 200)
        rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        (self.out / "bench.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        device = rows[0]
        self.figure("device", f"{device['device']}, sm_{device['arch']}, {device['multiprocessors']} multiprocessors")
        self.figure("memory: GB/s", device["memory_bytes_s"] / 1e9)
        self.figure("fp32: TFLOP/s", device["fp32_s"] / 1e12)
        self.figure("fp64: TFLOP/s", device["fp64_s"] / 1e12)
        self.figure("launch: us", device["launch_us"])
        for row in rows:
            if "bus" in row:
                size = f"{row['bytes'] / 1e6:g} MB"
                self.figure(f"to device, {size}: GB/s", row["to_device_bytes_s"] / 1e9)
                self.figure(f"to host, {size}: GB/s", row["to_host_bytes_s"] / 1e9)
            elif "copies" in row:
                self.figure(f"both passes with copies, {row['streams']} streams: files of 4 min per s", row["files_per_s"])
            elif row.get("kernel") == "pictures":
                self.figure(f"pictures of {row['width']} x {row['height']}: us each", row["us_each"])
            elif "kernel" in row:
                name = f"{row['kernel']}, {row['n_fft']}: ns per frame"
                if not any(f["name"] == name for f in self.figures):
                    self.figure(name, row["ns_per_frame"])
                else:
                    self.figure(f"node's batch: {name}", row["ns_per_frame"])
        return f"{len(rows)} rows"

    def sanitizers(self):
        tool = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
        if not tool:
            return "not run: no compute-sanitizer here"
        bad = []
        for name, limit in SANITIZERS:
            status, _ = self.run("sanitizers", [tool, "--tool", name, "--error-exitcode", "86",
                                                self.program("kernel_check_gpu"), "--quick"], limit, check=False)
            self.figure(f"compute-sanitizer {name}", {0: "clean", 86: "reports", None: "past its limit"}.get(status, status))
            bad += [name] if status not in (0, None) else []
        if bad:
            raise RuntimeError(f"reports or errors of {', '.join(bad)}")
        return ""

    def profile(self):
        tool = shutil.which("ncu") or shutil.which("/usr/local/cuda/bin/ncu")
        if not tool:
            return "not run: no ncu here"
        for kernel in ("kt_frontend_kernel", "kt_second_kernel", "kt_segments_kernel"):
            self.run("profile", [tool, "--clock-control", "none", "--set", "basic", "--launch-count", "1", "--kernel-name",
                                 f"regex:{kernel}", self.program("gpu_bench"), "--tiny"], 20, check=False)
        return ""

    def analyze(self, files, *options, workers=1, limit=60):
        """(seconds, documents)."""
        begin = time.monotonic()
        _, text = self.run("analyze", [self.program("kithara"), *options, "analyze", "--jsonl", "--workers", str(workers),
                                       *map(str, files)], limit)
        return time.monotonic() - begin, [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def agreement(self):
        files = sorted((self.bundle / "media").iterdir())
        golden = [json.loads(line) for line in (self.bundle / "golden.jsonl").read_text(encoding="utf-8").splitlines()]
        worst, unlike = 0, []
        for here, options in (("processor", ()), ("GPU", ("--gpu",))):
            _, documents = self.analyze(files, *options, limit=200 if self.rehearsal else 60)
            if len(documents) != len(golden):
                raise RuntimeError(f"{len(documents)} documents of {len(golden)} files")
            found = [d for a, b in zip(golden, documents) for d in differences(a, b)]
            unlike += [f"{here}: {path} {a} is not {b}" for path, apart, a, b in found if apart is None]
            most = max((apart for _, apart, _, _ in found if apart is not None), default=0)
            self.figure(f"largest difference of the {here}'s documents from the packed ones", most)
            worst = max(worst, most)
        with open(self.out / "agreement.log", "w", encoding="utf-8") as file:
            file.write("\n".join(unlike) + "\n")
        if worst > LIMIT or unlike:
            raise RuntimeError(f"largest difference {worst:.1e}, limit {LIMIT}; {len(unlike)} values are not the same")
        return f"largest difference {worst:.1e}"

    def throughput(self):
        files = sorted((self.bundle / "media").iterdir())
        many = (files * COPIES)[:3 if self.rehearsal else COPIES]
        for workers in (1,) if self.rehearsal else (8, 16, 32, 1):
            sets = many if workers > 1 else many[:12]
            plain, _ = self.analyze(sets, workers=workers, limit=40 if not self.rehearsal else 200)
            gpu, _ = self.analyze(sets, "--gpu", workers=workers, limit=40 if not self.rehearsal else 200)
            self.figure(f"processor, {workers} workers: files/s", len(sets) / plain)
            self.figure(f"GPU, {workers} workers: files/s", len(sets) / gpu)
            self.figure(f"GPU over processor at {workers} workers, files/s", plain / gpu)
        return ""

    def loss(self):
        """A device that is named and not there is a named error; the processor goes on."""
        files = sorted((self.bundle / "media").iterdir())[:1]
        status, text = self.run("loss", [self.program("kithara"), "--gpu", "analyze", "--jsonl", str(files[0])], 20,
                                env={"ANALYZER_GPU_DEVICES": "31"}, check=False)
        if status == 0 or "31" not in text:
            raise RuntimeError("a device that is not there was not named")
        return ""

    # --- the table ---------------------------------------------------------------------------------------------------

    def write(self):
        lines = ["# The first day" + (" (rehearsal on the simulated device: times mean nothing)" if self.rehearsal else ""),
                 "", "| step | result | s | |", "| --- | --- | --- | --- |"]
        lines += [f"| {s['step']} | {s['result']} | {s['seconds']} | {s['text']} |" for s in self.steps]
        lines += ["", "| figure | measured | least by the limits | expected |", "| --- | --- | --- | --- |"]
        for f in self.figures:
            value = f"{f['value']:.4g}" if isinstance(f["value"], float) else f["value"]
            least, expected = f["predicted"] or (None, None)
            lines.append(f"| {f['name']} | {value} | {'' if least is None else least} | {'' if expected is None else expected} |")
        (self.out / "day.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.out / "day.json").write_text(json.dumps({"steps": self.steps, "figures": self.figures}, indent=1) + "\n",
                                           encoding="utf-8")
        print("\n" + "\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, default=pathlib.Path(".day"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(os.environ.get("OUT", "day-out")))
    parser.add_argument("--seconds", type=float, default=560)
    parser.add_argument("--rehearsal", action="store_true")
    options = parser.parse_args()
    if not (options.bundle / "bin").is_dir():
        sys.stderr.write(f"run.py: {options.bundle} is no bundle: ops/device-day pack makes one\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    day = Day(options)
    if not options.rehearsal:
        if HERE.is_symlink() or not HERE.exists():
            HERE.unlink() if HERE.is_symlink() else None
            HERE.symlink_to(day.bundle)
        elif HERE.resolve() != day.bundle:
            sys.stderr.write(f"run.py: {HERE} is in the way\n")
            return 2
    day.step("host", day.host)
    if day.step("kernels, quick", day.kernels_quick):
        for name, function in (("kernels, whole", day.kernels_whole), ("benchmark", day.bench), ("documents", day.agreement),
                               ("throughput", day.throughput), ("sanitizers", day.sanitizers), ("profile", day.profile),
                               ("a missing device", day.loss)):
            day.step(name, function)
    day.write()
    return 1 if any(s["result"] == "FAILED" for s in day.steps) else 0


if __name__ == "__main__":
    sys.exit(main())
