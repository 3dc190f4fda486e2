#!/usr/bin/python3
"""python/kithara: the package over the built program and library, a ledger, a farm over HTTP, and hand-made messages."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests"), str(ROOT / "tests/farm")]

import kithara as package  # noqa: E402
from farm import Farm  # noqa: E402
from harness import expect, kithara, main, test  # noqa: E402
from kithara import program  # noqa: E402

OPTIONS = {"extract_mir": False, "similarity_analysis": False, "use_models": False}


def tone(path, hz, seconds=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = [int(9000 * ((i * hz * 2 // 22050) % 2 * 2 - 1)) for i in range(22050 * seconds)]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22050)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def refused(name, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except package.Error as error:
        expect(error.name == name, f"{name} expected: {error}")
        return error
    raise AssertionError(f"{name} expected")


@test
def the_columns_of_the_package_are_those_of_the_program(folder):
    expect(json.loads(kithara(folder, "docs", "columns").stdout) == json.loads((ROOT / "python/kithara/columns.json").read_text()),
           "python/kithara/columns.json: kithara docs columns")
    expect(len({column.name for column in package.columns()}) == len(package.columns()) > 150, "no name twice")


@test
def a_file_gives_the_same_message_by_the_library_and_by_the_program(folder):
    song = tone(folder / "a.wav", 440)
    by_library = package.analyze(song, options=OPTIONS)
    line = program.command("analyze", "--jsonl", options=OPTIONS)
    by_program = next(program.messages(line, [song]))
    for message in (by_library, by_program):
        for name in ("processing_time", "timestamp", "message_id"):
            message.pop(name, None)
    expect(by_library["features"] == by_program["features"], "the features")
    expect(by_library["features"]["mir"]["tempo"] is None, "options hold")


@test
def a_folder_becomes_a_table_with_types_and_failures_as_rows(folder):
    music = folder / "music"
    tone(music / "a.wav", 440)
    tone(music / "sub/b.wav", 220)
    (music / "bad.flac").write_bytes(b"fLaC" + bytes(100))
    (music / "list.m3u").write_text("a.wav\n")
    table = package.features(music, options=OPTIONS)
    expect(len(table) == 3 and sorted(table["success"].tolist()) == [False, True, True], table[["file_path", "success", "error"]])
    expect(str(table["spectral_centroid"].dtype) == "float64" and str(table["success"].dtype) == "boolean", table.dtypes)
    expect(str(table["timestamp"].dtype) == "datetime64[ns, UTC]" and str(table["audio_channels"].dtype) == "Int64", table.dtypes)
    good = table[table["success"]]
    expect(len(good["mfcc"].iloc[0]) == 13 and (good["duration"] - 3).abs().max() < 0.01, "lists and numbers")
    expect(table.attrs["columns"]["duration"]["unit"] == "s", table.attrs["columns"]["duration"])
    failed = table[~table["success"]].iloc[0]
    expect(failed["file_path"].endswith("bad.flac") and failed["error"].startswith("E"), failed)


@test
def matrices_come_with_the_time_of_each_frame(folder):
    frames = package.frames(tone(folder / "a.wav", 440))
    mel = frames["mel"]
    expect(mel.values.shape == (128, len(mel.times)) and abs(mel.times[1] - 512 / 22050) < 1e-9, mel.values.shape)
    expect(abs(mel.times[-1] - 3) < 0.05, mel.times[-1])
    refused("ENOFILE", package.frames, folder / "none.wav")


@test
def a_ledger_a_folder_that_was_run_and_a_file_of_messages_read_alike(folder):
    music = folder / "music"
    tone(music / "a.wav", 440)
    tone(music / "b.wav", 330)
    (music / "c.mp3").write_text("no music, but text\n" * 20)
    done = kithara(folder, "run", music, "--out", folder / "out.jsonl")
    expect(done.returncode == 1, done.stderr)
    ledgers = list((folder / "state").rglob("ledger.sqlite")) or list(folder.rglob("ledger.sqlite"))
    expect(len(ledgers) == 1, ledgers)
    os.environ["ANALYZER_STATE_DIR"] = str(folder / "state")
    by_ledger, by_lines, by_folder = (package.read(source).sort_values("file_path", ignore_index=True)
                                      for source in (ledgers[0], folder / "out.jsonl", music))
    del os.environ["ANALYZER_STATE_DIR"]
    expect(len(by_ledger) == 3 and by_ledger["error"].tolist()[2] == "ETEXT", by_ledger)
    for column in ("file_path", "success", "error", "duration", "spectral_centroid", "tempo"):
        expect(by_ledger[column].equals(by_lines[column]) and by_ledger[column].equals(by_folder[column]), column)
    expect(by_ledger["mfcc"][:2].map(len).tolist() == [13, 13] and by_ledger["timestamp"][:2].equals(by_lines["timestamp"][:2]), "lists and times")
    refused("ENOFILE", package.read, folder / "nothing.sqlite")


@test
def files_go_to_a_farm_and_results_come_back(folder):
    song = tone(folder / "a.wav", 440)
    with Farm(ANALYZER_MEDIA_ROOTS=str(folder)) as farm:
        farm.start(["n1"])
        client = package.Client(farm.http, farm.token())
        first = client.submit([song, folder / "none.wav"], OPTIONS)
        expect([one.status for one in first] == ["new", "new"], first)
        expect([one.status for one in client.submit([song], OPTIONS)] == ["known"], "the same file again")
        good, bad = client.wait([one.message_id for one in first], 60)
        expect(good.state == "done" and good.document["features"]["spectral"]["spectral_centroid"] > 0, good)
        expect(bad.state == "failed" and bad.document["error"]["code"] == "ENOFILE", bad)
        table = package.frame(package.row(one.document) for one in (good, bad))
        expect(table["success"].tolist() == [True, False], table)
        expect(client.results(["nobody"])[0].state is None and len(list(client.jobs())) == 2 and client.nodes(), "views")
        refused("EAUTH", package.Client(farm.http, "wrong").submit, [song])
    refused("ECLOSED", package.Client("http://127.0.0.1:1").status)


@test
def parquet_has_lists_units_and_versions(folder):
    try:
        import pyarrow.parquet
    except ImportError:
        return
    table = package.features(tone(folder / "a.wav", 440), options=OPTIONS)
    package.to_parquet(table, folder / "a.parquet")
    schema = pyarrow.parquet.read_schema(folder / "a.parquet")
    expect(schema.field("duration").metadata[b"unit"] == b"s" and str(schema.field("mfcc").type) == "list<element: double>", schema)
    expect(b"kithara.analysis_versions" in schema.metadata, schema.metadata)


@test
def a_folder_without_media_gives_a_table_without_rows_that_has_the_columns(folder):
    (folder / "music").mkdir()
    table = package.features(folder / "music")
    expect(len(table) == 0 and table.columns.tolist() == [column.name for column in package.columns()], table)
    expect(table[table["success"]].empty and str(table["tempo"].dtype) == "float64", table.dtypes)


@test
def wrong_calls_are_named(folder):
    refused("ENOFILE", package.analyze, folder / "none.wav")
    for call in (package.analyze, package.features, package.frames):
        error = refused("ESETTING", call, tone(folder / "a.wav", 440), settings=["ANALYZER_NONSENSE=1"])
        expect("ANALYZER_NONSENSE" in error.why, error)
    try:
        package.features(folder, options={"extract_nonsense": True})
        raise AssertionError("an unknown option")
    except ValueError as error:
        expect("extract_nonsense" in str(error), error)
    environment = dict(os.environ, KITHARA_PROGRAM="/nowhere/kithara", PYTHONPATH=str(ROOT / "python"))
    done = subprocess.run([sys.executable, "-c", "import kithara; kithara.features('/tmp')"], env=environment, capture_output=True, text=True)
    expect("ENOFILE" in done.stderr and "kithara-cli" in done.stderr, done.stderr)


if __name__ == "__main__":
    main()
