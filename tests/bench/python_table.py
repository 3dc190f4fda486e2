#!/usr/bin/python3
"""ops/bench python: `kithara.features(folder)` and a loop of librosa that fills the same columns, one process each.

    python_table.py [--media-path FOLDER] [--tracks N] [--rounds N]

Both compute the columns of COLUMNS, means over a file, and end with a pandas DataFrame. librosa's loop computes one
spectrogram per file and passes it on, as a careful user writes it. Its import and its first, compiling call are not
counted; starting the program `kithara` is. Rows: seconds by the clock and of CPU time (the process and its children) of
each round; `kithara` with one worker, and with one per core. The last line is `python ratio=X`: librosa's least CPU time
over the least with one worker. On a machine under load the clock says little.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import media  # noqa: E402

SKIPPED = 77
PANDAS = "pandas==3.1.1\n"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
COLUMNS = ("spectral_centroid", "spectral_rolloff", "spectral_bandwidth", "spectral_contrast", "spectral_flatness",
           "zero_crossing_rate", "rms", "mel", "mfcc", "chroma", "onset_strength", "chroma_cqt", "tonnetz")

# Each prints the seconds of each round, and the means of a column for the check that both computed the same.
COMMON = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
folder, tiny, rounds, columns = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split(",")
def spent():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)
def measured(work):
    began = spent()
    table = work()
    print(json.dumps([after - before for before, after in zip(began, spent())]), flush=True)
    return table
def report(table):
    table = table.assign(file_path=[path.rsplit("/", 1)[1] for path in table["file_path"]]).sort_values("file_path")
    print(json.dumps([table[name].iloc[0] if not hasattr(table[name].iloc[0], "tolist") else table[name].iloc[0].tolist() for name in columns]))
"""
KITHARA = COMMON + """
import kithara
OPTIONS = {name: False for name in ("extract_mir", "extract_perceptual", "similarity_analysis", "quality_assessment", "extract_visual", "use_models")}
settings = [] if sys.argv[5] == "0" else ["ANALYZER_WORKERS=" + sys.argv[5]]
kithara.features(tiny, options=OPTIONS)
for _ in range(rounds):
    table = measured(lambda: kithara.features(folder, options=OPTIONS, settings=settings))
assert table.success.all(), table[["file_path", "error"]]
report(table)
"""
LIBROSA = COMMON + """
import pathlib
import librosa, numpy, pandas
f = librosa.feature
def row(path):
    y, sr = librosa.load(path)
    S = numpy.abs(librosa.stft(y, n_fft=2048, hop_length=512))
    mel = f.melspectrogram(S=S ** 2, sr=sr)
    db = librosa.power_to_db(mel)
    cqt = f.chroma_cqt(y=y, sr=sr)
    matrices = {
        "spectral_centroid": f.spectral_centroid(S=S, sr=sr), "spectral_rolloff": f.spectral_rolloff(S=S, sr=sr),
        "spectral_bandwidth": f.spectral_bandwidth(S=S, sr=sr), "spectral_contrast": f.spectral_contrast(S=S, sr=sr),
        "spectral_flatness": f.spectral_flatness(S=S), "zero_crossing_rate": f.zero_crossing_rate(y), "rms": f.rms(y=y),
        "mel": mel, "mfcc": f.mfcc(S=db, n_mfcc=13), "chroma": f.chroma_stft(S=S ** 2, sr=sr),
        "onset_strength": librosa.onset.onset_strength(S=db, sr=sr), "chroma_cqt": cqt, "tonnetz": f.tonnetz(chroma=cqt, sr=sr)}
    means = {name: numpy.atleast_2d(matrix).mean(axis=1).tolist() for name, matrix in matrices.items()}
    return {"file_path": str(path)} | {name: value[0] if len(value) == 1 else value for name, value in means.items()}
row(tiny)
for _ in range(rounds):
    table = measured(lambda: pandas.DataFrame(row(path) for path in sorted(pathlib.Path(folder).iterdir())))
report(table)
"""


def run(python, program, *arguments):
    """(seconds by the clock, of CPU time) of the rounds, the first row's columns."""
    settings = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT / "python"),
                "KITHARA_PROGRAM": str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")}
    out = subprocess.run([python, "-c", program, *map(str, arguments)], check=True, capture_output=True, text=True, env=settings).stdout
    *times, columns = out.splitlines()
    return [json.loads(line) for line in times], json.loads(columns)


def difference(ours, theirs):
    """The largest difference of a column, as a share of its largest value: (share, column)."""
    def values(column):
        return column if isinstance(column, list) else [column]
    return max((max(abs(a - b) for a, b in zip(values(one), values(other), strict=True)) / max(map(abs, values(other))), name)
               for name, one, other in zip(COLUMNS, ours, theirs, strict=True))


def main():
    parser = argparse.ArgumentParser(prog="ops/bench python")
    parser.add_argument("--media-path", help="folder of tracks instead of the packaged music")
    parser.add_argument("--tracks", type=int, default=1000, help="at most this many")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    python = media.environment("python-bench", media.requirements()[0] + PANDAS)
    if not python:
        print("python: librosa is not available here")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory(prefix="kithara-python-") as work:
        folder, tiny = pathlib.Path(work) / "music", pathlib.Path(work) / "tiny.wav"
        folder.mkdir()
        tracks = media.tracks(asked.tracks, asked.media_path)
        for number, track in enumerate(tracks):
            (folder / f"{number:03}{track.suffix}").symlink_to(track)
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=5", str(tiny)], check=True)
        given = (folder, tiny, asked.rounds, ",".join(COLUMNS))
        one, ours = run(python, KITHARA, *given, 1)
        several, _ = run(python, KITHARA, *given, 0)
        theirs, expected = run(python, LIBROSA, *given)
    share, column = difference(ours, expected)
    print(f"{len(tracks)} tracks, {sum(map(media.seconds, tracks)) / 60:.0f} minutes, {len(COLUMNS)} columns; "
          f"largest difference in the first track {share:.1e} ({column})")
    for name, times in (("kithara, one worker", one), ("kithara, one per core", several), ("librosa", theirs)):
        print(f"{name:24}" + " ".join(f"{clock:7.1f} s, CPU {cpu:7.1f} s;" for clock, cpu in times))
    clocks, cpus = ([min(row[which] for row in times) for times in (theirs, one, several)] for which in (0, 1))
    print(f"by the clock: {clocks[0] / clocks[1]:.1f}, with a worker per core {clocks[0] / clocks[2]:.1f}")
    print(f"python ratio={cpus[0] / cpus[1]:.1f}")


if __name__ == "__main__":
    main()
