#!/usr/bin/env python3
"""`kithara similar` on a ledger of real music: other versions of a recording are its nearest neighbours."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import media  # noqa: E402
from harness import clip, expect, kithara, main, test  # noqa: E402

TRACKS = 6


def versions(folder):
    """A folder with two overlapping pieces of each track, in different formats."""
    music = folder / "music"
    music.mkdir()
    for i, track in enumerate(media.tracks(TRACKS)):
        clip(track, music / f"{i}.flac", 20, 10)
        clip(track, music / f"{i}.mp3", 16, 13)
    return music


def analysed(folder, *options):
    music = versions(folder)
    result = kithara(folder, "run", music, *options)
    expect(result.returncode == 0, result.stderr)
    return music


def nearest(folder, music, file, *options):
    """Rows of the JSON output."""
    result = kithara(folder, "similar", "--run", music, "-o", "jsonl", *options, file)
    expect(result.returncode == 0, result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()]


@test
def the_other_version_is_the_nearest(folder):
    music = analysed(folder)
    for i in range(TRACKS):
        for one, other in (("flac", "mp3"), ("mp3", "flac")):
            rows = nearest(folder, music, music / f"{i}.{one}")
            expect(len(rows) == min(10, 2 * TRACKS - 1), f"{len(rows)} rows")
            expect(pathlib.Path(rows[0]["file_path"]).name == f"{i}.{other}", f"{i}.{one}: {rows[0]}")
            distances = [row["distance"] for row in rows]
            expect(distances == sorted(distances) and 0 <= distances[0] < distances[-1] <= 2, f"{distances}")


@test
def a_file_that_the_ledger_does_not_know_is_analysed(folder):
    music = analysed(folder)
    quiet = folder / "quiet.ogg"
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(music / "3.flac"), "-af", "volume=-10dB", str(quiet)],
                   check=True)
    rows = nearest(folder, music, quiet, "-n", 2)
    expect({pathlib.Path(row["file_path"]).stem for row in rows} == {"3"}, f"{rows}")
    table = kithara(folder, "similar", "--run", music, "-o", "wide", quiet)
    expect(table.returncode == 0 and "DISTANCE" in table.stdout and "3.flac" in table.stdout, table.stdout)


@test
def results_without_vectors_are_no_neighbours(folder):
    music = versions(folder)
    for path in music.iterdir():
        if path.name not in ("0.flac", "0.mp3"):
            path.unlink()
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono", "-t", "3",
                    str(music / "silence.flac")], check=True)
    expect(kithara(folder, "run", music).returncode == 0, "the run failed")
    rows = nearest(folder, music, music / "0.mp3")
    expect([pathlib.Path(row["file_path"]).name for row in rows] == ["0.flac"], f"{rows}")
    result = kithara(folder, "similar", "--run", music, music / "silence.flac")
    expect(result.returncode == 1 and "silence" in result.stderr, result.stderr)


@test
def wrong_usage_and_missing_files_are_told(folder):
    empty = folder / "empty"
    empty.mkdir()
    expect(kithara(folder, "similar").returncode == 2, "no file")
    expect(kithara(folder, "similar", "-n", "0", "x.mp3").returncode == 2, "-n 0")
    expect(kithara(folder, "similar", "-n", "many", "x.mp3").returncode == 2, "-n many")
    expect(kithara(folder, "similar", "a", "b").returncode == 2, "two files")
    expect(kithara(folder, "similar", folder / "none.mp3").returncode == 1, "no such file")
    result = kithara(folder, "similar", "--run", empty, __file__)
    expect(result.returncode == 1 and result.stdout == "", result.stdout)


if __name__ == "__main__":
    main()
