#!/usr/bin/env python3
"""`kithara run` on real files with real processes: kills, faults, bad files, determinism."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import media  # noqa: E402
from harness import KITHARA, children, clip, environment, expect, kithara, main, start, test, until  # noqa: E402

FORMATS = ("ogg", "mp3", "flac", "wav", "m4a", "opus")
_clips = {}


def music(folder, count=12, seconds=8):
    """A folder of short clips of real tracks, in all the formats. Made once, copied where they are needed."""
    if not _clips:
        home = pathlib.Path(media.BUILD) / "test-clips"
        home.mkdir(parents=True, exist_ok=True)
        for i, track in enumerate(media.tracks(12)):
            for suffix in FORMATS:
                path = home / f"{i:02d} {track.stem}.{suffix}"
                if not path.exists():
                    clip(track, path.with_name("part." + suffix), seconds)
                    path.with_name("part." + suffix).rename(path)
                _clips[len(_clips)] = path
    target = folder / "music"
    target.mkdir()
    for i in range(count):
        path = _clips[i % len(_clips)]
        shutil.copyfile(path, target / f"{i:03d} {path.name}")
    return target


def documents(path):
    return {os.path.basename(d["file_path"]): d for d in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def features_text(document):
    """What must not depend on anything but the file: everything but ids, times and the path."""
    kept = {k: v for k, v in document.items() if k not in ("message_id", "timestamp", "processing_time", "file_path")}
    return json.dumps(kept, sort_keys=False)


def audit(folder, music_folder):
    result = kithara(folder, "audit", "--run", music_folder)
    expect(result.returncode == 0, f"audit: {result.stdout}{result.stderr}")


def start_run(folder, music_folder, *arguments, **settings):
    return start([KITHARA, "run", music_folder, *arguments], env=environment(folder, **settings), stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE)


def finish(process, timeout=180):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def child(process, name):
    return until(lambda: children(process.pid, name), 20, f"{name} is running")[0]


def stored(folder):
    """Results in the run's ledger at this moment."""
    import sqlite3
    found = list((folder / "state").glob("runs/*/ledger.sqlite"))
    if not found:
        return 0
    try:
        with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True, timeout=5) as db:
            return db.execute("select count(*) from results").fetchone()[0]
    except sqlite3.Error:
        return 0


def expect_all_once(folder, music_folder, out_path, count):
    lines = out_path.read_text(encoding="utf-8").splitlines()
    expect(len(lines) == count, f"{len(lines)} results of {count} files")
    expect(len(documents(out_path)) == count, "a file has two results")
    expect(all(d["success"] for d in documents(out_path).values()), "an innocent file failed")
    audit(folder, music_folder)


@test
def a_folder_of_real_music_is_analysed_whole(folder):
    source = music(folder, 12)
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl")
    expect(result.returncode == 0, result.stderr)
    expect_all_once(folder, source, folder / "out.jsonl", 12)
    expect("12 files, 12 analysed, 0 failed" in result.stderr, result.stderr)
    for name, document in documents(folder / "out.jsonl").items():
        spectral = document["features"]["spectral"]
        expect(100 < spectral["spectral_centroid"] < 8000 and len(spectral["mfcc"]) == 13, f"{name}: {spectral}")


def run_and_kill(folder, program):
    """A run whose child process is killed after five results still gives one result per file."""
    source = music(folder, 60)
    process = start_run(folder, source, "--out", str(folder / "out.jsonl"))
    until(lambda: stored(folder) >= 5, 60, "five results")
    os.kill(child(process, program), signal.SIGKILL)
    code, _, err = finish(process)
    expect(code == 0, err)
    expect_all_once(folder, source, folder / "out.jsonl", 60)


@test
def a_killed_node_costs_no_file(folder):
    run_and_kill(folder, "kithara-node")


@test
def a_killed_coordinator_costs_no_file(folder):
    run_and_kill(folder, "kithara-coordinator")


@test
def a_coordinator_killed_while_files_come_in_loses_none_of_them(folder):
    source = folder / "many"
    source.mkdir()
    for i in range(4000):
        (source / f"{i:04d}.wav").write_bytes(b"x")
    process = start_run(folder, source, "--out", str(folder / "out.jsonl"), ANALYZER_TEST_FAULT="noop")
    for kill in range(3):
        until(lambda: stored(folder) > 50 * kill or process.poll() is not None, 60, "some results")
        if process.poll() is None and (found := children(process.pid, "kithara-coordinator")):
            os.kill(found[0], signal.SIGKILL)
    code, _, err = finish(process)
    expect(code == 0, err)
    expect_all_once(folder, source, folder / "out.jsonl", 4000)


@test
def a_run_that_was_killed_whole_goes_on_where_it_was(folder):
    source = music(folder, 60)
    process = start_run(folder, source)
    until(lambda: stored(folder) >= 10, 60, "ten results")
    victims = [child(process, "kithara-node"), child(process, "kithara-coordinator"), process.pid]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    finish(process)
    before = stored(folder)
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl")
    expect(result.returncode == 0, result.stderr)
    expect("interrupted" in result.stderr, result.stderr)
    expect_all_once(folder, source, folder / "out.jsonl", 60)
    expect(stored(folder) == 60 and before >= 10, f"{before} before, {stored(folder)} after")


@test
def random_kills_lose_and_double_nothing(folder):
    source, rng = music(folder, 72), random.Random(7)
    process = start_run(folder, source, "--out", str(folder / "out.jsonl"))
    for kill in range(4):
        until(lambda: stored(folder) >= 6 * (kill + 1) or process.poll() is not None, 60, "some more results")
        name = rng.choice(("kithara-node", "kithara-coordinator"))
        if process.poll() is None and (found := children(process.pid, name)):
            os.kill(found[0], signal.SIGKILL)
    code, _, err = finish(process)
    expect(code == 0, err)
    expect_all_once(folder, source, folder / "out.jsonl", 72)


@test
def a_crash_of_our_own_code_fails_one_file_alone(folder):
    source = music(folder, 24)
    victim = sorted(os.listdir(source))[7]
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl", ANALYZER_TEST_FAULT=f"crash:{victim}")
    expect(result.returncode == 1, result.stderr)
    found = documents(folder / "out.jsonl")
    failed = [name for name, d in found.items() if not d["success"]]
    expect(len(found) == 24 and failed == [victim], f"failed: {failed}")
    expect(found[victim]["error"]["code"] == "ECRASH", str(found[victim]["error"]))
    audit(folder, source)


@test
def workers_batches_and_order_change_no_byte_of_the_features(folder):
    source = music(folder, 18)
    texts = []
    for turn, (workers, batch) in enumerate(((1, 1), (4, 10), (2, 3))):
        out = folder / f"out{turn}.jsonl"
        result = kithara(folder, "run", source, "--fresh", "--workers", workers, "--out", out, ANALYZER_BATCH_SIZE=batch)
        expect(result.returncode == 0, result.stderr)
        texts.append({name: features_text(d) for name, d in documents(out).items()})
    reverse = sorted((str(p) for p in source.iterdir()), reverse=True)
    alone = kithara(folder, "analyze", "--jsonl", *reverse)
    texts.append({os.path.basename(d["file_path"]): features_text(d) for d in map(json.loads, alone.stdout.splitlines())})
    for other in texts[1:]:
        expect(other.keys() == texts[0].keys(), "not the same files")
        for name, text in texts[0].items():
            expect(text == other[name], f"{name} differs:\n{text}\n{other[name]}")


@test
def the_first_ctrl_c_drains_and_the_same_command_goes_on(folder):
    source = music(folder, 72)
    process = start_run(folder, source)
    until(lambda: stored(folder) >= 5, 60, "five results")
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process, 60)
    expect(code == 1 and "the same command resumes here" in err, err)
    middle = stored(folder)
    expect(5 <= middle < 72, f"{middle} results")
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl")
    expect(result.returncode == 0, result.stderr)
    expect_all_once(folder, source, folder / "out.jsonl", 72)


@test
def the_second_ctrl_c_stops_at_once(folder):
    source = music(folder, 24)
    victim = sorted(os.listdir(source))[3]
    process = start_run(folder, source, ANALYZER_TEST_FAULT=f"hang:{victim}", ANALYZER_FILE_DEADLINE=600)
    nodes = [child(process, "kithara-node"), child(process, "kithara-coordinator")]
    until(lambda: stored(folder) >= 5, 60, "five results")
    process.send_signal(signal.SIGINT)
    line = process.stderr.readline()
    expect("again stops at once" in line, line)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process, 30)
    expect(code == 1, err)
    expect(not any(pathlib.Path(f"/proc/{pid}").exists() for pid in nodes), "a process was left behind")


def closing(result):
    return next(line for line in result.stderr.splitlines() if " files, " in line)


@test
def a_second_run_takes_what_is_new_or_changed_and_marks_what_is_gone(folder):
    source = music(folder, 5)
    (source / "bad.mp3").write_bytes(b"no music, but text\n" * 20)
    files = sorted(source.glob("0*"))
    run = lambda *more, **settings: kithara(folder, "run", source, *more, **settings)  # noqa: E731
    first = run()
    expect(first.returncode == 1 and "6 files, 5 analysed, 1 failed in" in closing(first), closing(first))
    again = run()
    expect(again.returncode == 1 and again.stdout == "", again.stdout)
    expect("6 files, 0 analysed, 0 failed, 6 unchanged (1 failed before) in" in closing(again), closing(again))
    os.utime(files[0])
    files[1].unlink()
    away = files[2].rename(folder / "away")
    shutil.copyfile(files[3], source / "new.ogg")
    third = run("--out", folder / "out.jsonl")
    expect("5 files, 2 analysed, 0 failed, 3 unchanged (1 failed before), 2 removed in" in closing(third), closing(third))
    present = {p.name for p in source.iterdir()}
    expect(set(documents(folder / "out.jsonl")) == present and len(present) == 5, str(present))
    table = run("-o", "csv").stdout.splitlines()
    expect(len(table) == 1 + 5, "data have all files of the folder")
    history = kithara(folder, "results", "--run", source, "--failed", "--history", "-o", "jsonl").stdout.splitlines()
    expect(len(history) == 8, f"{len(history)} results in the history")
    away.rename(files[2])
    back = run()
    expect("6 files, 0 analysed, 0 failed, 6 unchanged (1 failed before) in" in closing(back), closing(back))
    latest = kithara(folder, "results", "--run", source, "--failed", "-o", "jsonl").stdout.splitlines()
    expect(len(latest) == 6, f"{len(latest)} results of 6 files")
    other = run(ANALYZER_N_MFCC="20")
    expect("6 files, 5 analysed, 1 failed in" in closing(other), f"another setting: {closing(other)}")
    before = run()
    expect("6 files, 5 analysed, 1 failed in" in closing(before), f"the setting of before: {closing(before)}")
    latest = kithara(folder, "results", "--run", source, "-o", "jsonl").stdout.splitlines()
    sizes = {len(json.loads(line)["features"]["spectral"]["mfcc"]) for line in latest}
    expect(len(latest) == 5 and sizes == {13}, f"readers show the setting of the last run: {sizes}")
    expect("6 unchanged" in closing(run()), "and that is current")
    fresh = run("--fresh")
    expect("6 files, 5 analysed, 1 failed in" in closing(fresh), closing(fresh))
    expect("6 unchanged" in closing(run()), "a fresh run counts from then on")
    audit(folder, source)


@test
def changed_files_are_told_by_their_bytes(folder):
    source = music(folder, 3)
    files = sorted(source.iterdir())
    expect("3 analysed" in closing(kithara(folder, "run", "--digest", source)), "the first run")
    for path in files:
        os.utime(path)
    expect("3 unchanged" in closing(kithara(folder, "run", "--digest", source)), "the same bytes")
    facts = files[0].stat()
    data = bytearray(files[0].read_bytes())
    data[-1] ^= 1
    files[0].write_bytes(data)
    os.utime(files[0], ns=(facts.st_atime_ns, facts.st_mtime_ns))
    result = kithara(folder, "run", "--digest", source)
    expect("2 unchanged" in closing(result), closing(result))
    data[-1] ^= 1
    files[0].write_bytes(data)
    result = kithara(folder, "run", "--digest", source)
    expect("1 analysed" in closing(result) and "2 unchanged" in closing(result), f"the bytes of before: {closing(result)}")
    for arguments, analysed in ((), 3), ((), 0), (("--digest",), 3), ((), 0), (("--digest",), 0):
        result = kithara(folder, "run", *arguments, source)
        expect(f"{analysed} analysed" in closing(result), f"told by {arguments}: {closing(result)}")


@test
def a_file_that_was_out_of_reach_is_tried_again(folder):
    source = music(folder, 2)
    victim = sorted(source.iterdir())[0]
    first = kithara(folder, "run", source, ANALYZER_TEST_FAULT=f"crash:{victim.name}")
    expect(first.returncode == 1 and "1 analysed, 1 failed in" in closing(first), closing(first))
    again = kithara(folder, "run", source)
    expect("2 unchanged (1 failed before)" in closing(again), f"a crash is the file's: {closing(again)}")


def odd_folder(folder):
    """A library with what stands beside the music, and names and links that once were lost; the music, as run sees it."""
    tone = music(folder, 1).iterdir().__next__()
    library, elsewhere = folder / "library", folder / "elsewhere"
    for name in ("...And Justice for All/...Baby.ogg", ".hack/01.ogg", "no extension", "track.01", "._a.ogg", "@eaDir/a.ogg",
                 ".Trash-1000/a.ogg", ".AppleDouble/a.ogg"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tone, library / name)
    for name in ("list.m3u", "list.pls", "x.xspf", "cover.jpg", "back.png", "notes.txt", "shop.url", "a.torrent", "b.zip",
                 "c.mid", "rip.log", "booklet.pdf", ".DS_Store", "README", "main.ts"):
        (library / name).write_bytes(b"x")
    elsewhere.mkdir()
    shutil.copyfile(tone, elsewhere / "far.ogg")
    (library / "link").symlink_to(elsewhere)
    (library / "twice").symlink_to(elsewhere)
    (library / "loop").symlink_to(library)
    (elsewhere / "back").symlink_to(elsewhere)
    return library, {library / "...And Justice for All/...Baby.ogg", library / ".hack/01.ogg", library / "no extension",
                     library / "track.01", elsewhere / "far.ogg"}


LEFT_OUT = {"playlists": 3, "images": 2, "texts": 1, "web links": 1, "torrents": 1, "archives": 1, "MIDI files": 1, "logs": 1,
            "documents": 1, "hidden": 2, "unknown": 2, "system folders": 3, "repeated folders": 3}
LEFT_OUT_LINE = ("left out: 3 playlists, 2 images, 1 text, 1 web link, 1 torrent, 1 archive, 1 MIDI file, 1 log, 1 document, "
                 "2 hidden, 2 unknown, 3 system folders, 3 repeated folders")


@test
def a_run_takes_all_media_of_a_folder_and_counts_the_rest_by_kind(folder):
    library, wanted = odd_folder(folder)
    result = kithara(folder, "run", library, "--out", folder / "out.jsonl")
    expect(result.returncode == 0, result.stderr)
    expect(LEFT_OUT_LINE in result.stderr, result.stderr)
    found = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    expect(sorted(d["file_path"] for d in found) == sorted(map(str, wanted)), str([d["file_path"] for d in found]))
    expect(all(d["success"] for d in found), str(found))
    result = kithara(folder, "run", "--fresh", "-o", "json", library)
    counts = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    expect(counts == [{"left_out": LEFT_OUT, "unreadable_folders": 0}], result.stderr)


@test
def analyze_takes_the_same_files_of_a_folder(folder):
    library, wanted = odd_folder(folder)
    result = kithara(folder, "analyze", "-r", library)
    expect(result.returncode == 0 and LEFT_OUT_LINE in result.stderr, result.stderr)
    result = kithara(folder, "analyze", "-r", "--jsonl", "--workers", 3, library)
    found = [json.loads(line)["file_path"] for line in result.stdout.splitlines()]
    order = ["...And Justice for All/...Baby.ogg", ".hack/01.ogg", "", "no extension", "track.01"]
    expect(found == [str(library / name) if name else str(folder / "elsewhere/far.ogg") for name in order], str(found))
    expect(json.loads(result.stderr.splitlines()[-1])["left_out"] == LEFT_OUT, result.stderr)
    for wrong in (("-r", "-"), ("--all", library)):
        expect(kithara(folder, "analyze", *wrong).returncode == 2, str(wrong))


@test
def settings_of_the_command_line_reach_the_programs_of_a_run(folder):
    source = music(folder, 1)
    done = kithara(folder, "--set", "ANALYZER_MAX_DURATION=2", "run", source, "--out", folder / "out.jsonl")
    found = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    expect(done.returncode == 1, f"{done.returncode} {done.stderr}")
    expect([d["error"]["code"] for d in found] == ["ETOOLONG"], str(found))


@test
def the_sums_of_a_run_name_each_kind_once(folder):
    home, source = os.getcwd(), folder / ("r" * 240) / "music"
    source.parent.mkdir()
    music(folder, 3).rename(source)
    whole = sorted(source.glob("*.ogg"))[0].read_bytes()
    (source / "bad.mp3").write_bytes(b"no music, but text\n" * 20)
    os.chdir(source)
    for depth in range(18):
        name = f"{depth:04}" + "d" * 200
        os.mkdir(name)
        os.chdir(name)
    pathlib.Path("f" * 245 + ".ogg").write_bytes(whole)  # below the folder it can be named, from the root it is too long
    os.chdir(home)
    first = kithara(folder, "run", source)
    expect(first.returncode == 1 and "5 files, 3 analysed, 1 failed, 1 refused in" in closing(first), first.stderr)
    expect("of the failed" not in first.stderr and "otherwise" not in first.stderr, first.stderr)
    cut = source / "cut.wav"
    with wave.open(str(cut), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(2 * 8000 * 20))
    os.truncate(cut, 2 * 8000 * 5)
    second = kithara(folder, "run", "--fresh", source)
    expect("6 files, 3 analysed, 2 failed, 1 refused in" in closing(second), second.stderr)
    expect("kithara: of the failed 1 incomplete, 1 for other reasons\n" in second.stderr, second.stderr)


@test
def a_file_that_is_named_is_tried_whatever_its_name(folder):
    library, _ = odd_folder(folder)
    result = kithara(folder, "run", library / "README", library / "._a.ogg", "--out", folder / "out.jsonl")
    expect(result.returncode == 1 and "2 files, 1 analysed, 1 failed" in result.stderr, result.stderr)
    expect("left out" not in result.stderr, result.stderr)


if __name__ == "__main__":
    main()
