#!/usr/bin/env python3
"""Odd inputs through `kithara analyze`: a valid document with nulls and reasons, never a crash, NaN or made-up value.

    odd_inputs.py --kithara build/bin/kithara

Each row of ROWS is one input: how it is made, and the values of its document. Inputs that are made of samples go in as a
float WAV and as raw samples (`--pcm`), and both results are equal. Media are made here (with ffmpeg where a codec is
needed). Closes with `N passed, N failed`.
"""
import argparse
import array
import json
import math
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

RATE = 44100
NULL = object()  # the value is null, with a reason

BEAT = [f"mir.{name}" for name in ("tempo", "tempo_confidence", "tempo_alternative", "tempo_changes", "tempo_stability",
                                   "beats", "downbeats", "time_signature", "time_signature_confidence", "beat_strength")]
ONSETS = ["mir.onsets", "mir.onset_rate"]
KEY = [f"mir.{name}" for name in ("key", "mode", "key_strength", "key_alternative", "tuning")]
ESTIMATES = [f"perceptual.{name}" for name in ("energy", "valence", "danceability", "acousticness")]
R128 = [f"perceptual.{name}" for name in ("loudness", "loudness_momentary_max", "peak_to_loudness_ratio")]
SHORT_TERM = ["perceptual.loudness_short_term_max", "perceptual.dynamic_range", "quality.dynamic_range"]
STEREO = ["quality.stereo_correlation", "quality.phase_inverted"]
VECTORS = [f"vectors.{name}" for name in ("spectral_vector", "mir_vector", "combined_vector")]
QUALITY = [f"quality.{name}" for name in (
    "snr", "thd", "quality_score", "quality_parts", "clipping_ratio", "true_peak", "dc_offset", "hum_frequency", "hum_level",
    "band_limit", "lossy_source", "silence_head", "silence_tail", "dropouts", "clicks")] + STEREO
SILENCE = BEAT + ONSETS + KEY + ESTIMATES + R128 + SHORT_TERM + QUALITY + VECTORS + ["perceptual.crest_factor"]


def null(*lists):
    return {name: NULL for names in lists for name in names}


# --- samples: interleaved, -1 .. 1 ------------------------------------------------------------------------------------

def sine(seconds, rate=RATE, channels=1, hertz=440.0, level=0.5):
    return [level * math.sin(2 * math.pi * hertz * i / rate) for i in range(int(seconds * rate)) for _ in range(channels)]


def constant(seconds, level):
    return [level] * int(seconds * RATE)


def clipped_square(seconds):
    """A square wave of 100 Hz at full scale, with some slope."""
    return [max(-1.0, min(1.0, 40 * math.sin(2 * math.pi * 100 * i / RATE))) for i in range(int(seconds * RATE))]


def not_finite(seconds):
    """A sine of which every thousandth sample is no number, or too large for one."""
    odd = (math.nan, math.inf, -math.inf, 1e38)
    return [odd[i // 1000 % 4] if i % 1000 == 0 else x for i, x in enumerate(sine(seconds))]


def all_not_finite(seconds):
    return [math.nan] * int(seconds * RATE)


def opposite(seconds):
    """Noise, and the inverted noise in the other channel."""
    rng = random.Random(3)
    return [x for _ in range(int(seconds * RATE)) for u in (rng.uniform(-0.5, 0.5),) for x in (u, -u)]


def noise(seconds, rate, channels):
    rng = random.Random(4)
    return [rng.uniform(-0.3, 0.3) for _ in range(int(seconds * rate) * channels)]


def one_channel_silent(seconds):
    return [x for u in sine(seconds) for x in (u, 0.0)]


def tiny(seconds):
    """Denormal numbers."""
    return [1e-40 * (-1) ** i for i in range(int(seconds * RATE))]


# --- encoded ----------------------------------------------------------------------------------------------------------

def ffmpeg(*argv):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, argv)], check=True, timeout=60)


def changing_channels(folder):
    """Two seconds of mono, two of stereo, two of 5.1, in one stream of AAC."""
    out = b""
    for channels in (1, 2, 6):
        part = folder / f"part{channels}.aac"
        ffmpeg("-f", "lavfi", "-i", f"sine=440:duration=2:sample_rate={RATE}", "-ac", channels, "-c:a", "aac", "-f", "adts", part)
        out += part.read_bytes()
        part.unlink()
    path = folder / "changing_channels.aac"
    path.write_bytes(out)
    return path


def changing_rate(folder):
    """Two seconds at 44.1 kHz, two at 22.05, in one stream of MP3."""
    out = b""
    for rate in (44100, 22050):
        part = folder / f"part{rate}.mp3"
        ffmpeg("-f", "lavfi", "-i", f"sine=440:duration=2:sample_rate={rate}", "-c:a", "libmp3lame", "-write_xing", 0,
               "-id3v2_version", 0, part)
        out += part.read_bytes()
        part.unlink()
    path = folder / "changing_rate.mp3"
    path.write_bytes(out)
    return path


def gaps(folder):
    """Four seconds whose time stamps jump by three after the second one, and back by a tenth after the third."""
    path = folder / "gaps.mkv"
    ffmpeg("-f", "lavfi", "-i", f"sine=440:duration=4:sample_rate={RATE}", "-af",
           "asetpts='PTS+if(gte(T,2),3,0)/TB-if(gte(T,3),0.1,0)/TB'", "-c:a", "libvorbis", path)
    return path


# --- the table --------------------------------------------------------------------------------------------------------
# Name: (samples, rate, channels) or a function that makes the file; the expected result: path to a value, to a range, to NULL,
# or to the set of what a text may be. Of a failure: the code.

ROWS = {
    "silence": ((constant(3, 0.0), RATE, 1), {
        "spectral.rms": 0, "spectral.spectral_flatness": 1, "technical.duration": 3, **null(SILENCE)}),
    "not one usable sample": ((all_not_finite(3), RATE, 1), {"spectral.rms": 0, **null(SILENCE)}),
    "no samples": (([], RATE, 1), "EEMPTY"),
    "denormal numbers": ((tiny(3), RATE, 1), {"spectral.rms": (0, 1e-40), **null(BEAT, ONSETS, KEY, ESTIMATES, R128, VECTORS)}),
    "a constant": ((constant(3, 0.25), RATE, 1), {
        "quality.dc_offset": (0.2499, 0.2501), "quality.quality_score": (0, 0.1), "quality.clipping_ratio": 0,
        "spectral.zero_crossing_rate": 0, "quality.lossy_source": {"none"}, **null(BEAT, KEY, ESTIMATES)}),
    "a clipped square": ((clipped_square(3), RATE, 1), {
        "quality.clipping_ratio": (0.9, 1), "quality.quality_score": (0, 0.1), "quality.true_peak": (0, 3),
        "quality.thd": (0.4, 0.5), "perceptual.loudness": (-3, 0), **null(BEAT, STEREO, ["quality.hum_frequency", "quality.snr"])}),
    "NaN, Inf and far too loud": ((not_finite(5), RATE, 1), {
        "quality.true_peak": (-7, 0), "quality.clicks": (100, 221), "quality.quality_score": (0, 0.1),
        "spectral.rms": (0.34, 0.36), "perceptual.loudness": (-11, -8), **null(STEREO)}),
    "one sample": (([0.5], RATE, 1), {
        "quality.dc_offset": 0.5, "quality.true_peak": (-6.1, -6), "technical.duration": (2.2e-5, 2.3e-5), "quality.dropouts": 0,
        **null(BEAT, ONSETS, KEY, ESTIMATES, R128, SHORT_TERM, VECTORS,
               ["quality.snr", "quality.thd", "quality.band_limit", "quality.lossy_source"])}),
    "a fifth of a second": ((sine(0.2), RATE, 1), {
        "technical.duration": 0.2, "spectral.spectral_centroid": (430, 520),
        **null(BEAT, ["mir.onset_rate"], ESTIMATES, R128, SHORT_TERM, VECTORS, ["quality.snr", "quality.band_limit"])}),
    "mono": ((sine(5), RATE, 1), {
        "technical.audio_channels": 1, "spectral.spectral_centroid": (430, 450), "quality.thd": (0, 1e-3),
        "mir.onset_rate": (0.19, 0.21), "perceptual.loudness": (-11, -8), "mir.tuning": (-0.05, 0.05),
        **null(BEAT, KEY[:4], STEREO, ["quality.hum_frequency"])}),
    "eight channels": ((noise(5, RATE, 8), RATE, 8), {
        "technical.audio_channels": 8, "quality.stereo_correlation": (-0.05, 0.05), "quality.phase_inverted": 0,
        "spectral.spectral_flatness": (0.1, 1), **null(BEAT, KEY, ["quality.thd", "quality.snr"])}),
    "800 Hz": ((sine(5, 800, hertz=50), 800, 1), "ESTREAM"),
    "999 Hz": ((sine(5, 999, hertz=50), 999, 1), "ESTREAM"),
    "1 kHz": ((sine(5, 1000, hertz=50), 1000, 1), {"technical.sample_rate": 1000, "technical.duration": 5}),
    "an octave": (([a + b for a, b in zip(sine(5, level=0.3), sine(5, hertz=880, level=0.2))], RATE, 1), {
        "mir.tuning": (-0.05, 0.05), **null(KEY[:4])}),
    "8 kHz": ((sine(5, 8000), 8000, 1), {
        "technical.sample_rate": 8000, "spectral.spectral_centroid": (430, 460), "quality.band_limit": (440, 1500),
        "mir.onset_rate": (0.19, 0.21), **null(BEAT)}),
    "384 kHz": ((sine(4.2, 384000), 384000, 1), {
        "technical.sample_rate": 384000, "spectral.spectral_centroid": (430, 460), "perceptual.loudness": (-11, -8),
        "quality.thd": (0, 1e-3), **null(BEAT)}),
    "opposite channels": ((opposite(5), RATE, 2), {
        "quality.stereo_correlation": (-1, -0.999), "quality.phase_inverted": 1, "spectral.rms": 0,
        "quality.quality_score": (0, 0.1), "perceptual.loudness": (-8, -2), **null(BEAT, ONSETS, KEY, ESTIMATES, VECTORS)}),
    "one channel silent": ((one_channel_silent(5), RATE, 2), {
        "technical.audio_channels": 2, "perceptual.loudness": (-11, -8), **null(STEREO, BEAT)}),
    "the channels change": (changing_channels, {
        "technical.audio_channels": (1, 2), "technical.duration": (5.9, 6.3), "spectral.spectral_centroid": (430, 480),
        "mir.onset_rate": (0.1, 2)}),
    "the rate changes": (changing_rate, {
        "technical.sample_rate": 44100, "technical.duration": (3.9, 4.3), "spectral.spectral_centroid": (430, 480)}),
    "time stamps with gaps": (gaps, {
        "technical.duration": (3.9, 7.1), "spectral.spectral_centroid": (430, 480), "quality.dropouts": (0, 3)}),
}


# --- the judgement ----------------------------------------------------------------------------------------------------

def refuse(constant_name):
    raise ValueError(f"{constant_name} is not JSON")


def members(document):
    """Group.name -> value of all features."""
    groups = dict(document["features"], quality=document["quality_metrics"], vectors=document["similarity_vectors"])
    return {f"{group}.{name}": value for group, values in groups.items() if values for name, value in values.items()}


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


def faults_of(document, said):
    """The faults of a document; `said`: the row's expectation, or the error's code."""
    if not document["success"] or isinstance(said, str):
        if document["success"] or document["error"]["code"] != said:
            yield f"success {document['success']}, error {document.get('error')}"
        return
    found, reasons = members(document), document["reasons"]
    for path, value in found.items():
        if not all(math.isfinite(number) for number in numbers(value)):
            yield f"{path} is not finite"
        if value is None and not any(reasons.get(key) for key in (path, *path.split("."))):
            yield f"{path} is null without a reason"
    for path, want in said.items():
        value = found[path]
        low, high = want if isinstance(want, tuple) else (want, want)
        if want is NULL:
            if value is not None:
                yield f"{path} is {str(value)[:60]}, not null"
        elif isinstance(want, set):
            if value not in want:
                yield f"{path} is {value}, not in {want}"
        elif value is None or not low <= value <= high:
            yield f"{path} is {value}, not in {low} .. {high}"


def wav(path, samples, rate, channels):
    """32-bit float, whose header ffmpeg writes for more than two channels too."""
    data = array.array("f", samples).tobytes()
    head = struct.pack("<HHIIHH", 3, channels, rate, rate * channels * 4, channels * 4, 32)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" +
                     struct.pack("<I", len(data)) + data)
    return path


def analyse(program, *argv):
    """The document; a sentence where there is none."""
    done = subprocess.run([program, "analyze", "--jsonl", *map(str, argv)], capture_output=True, timeout=120, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        return None, f"exit {done.returncode}: {done.stderr.decode()[-200:]}"
    return json.loads(done.stdout, parse_constant=refuse), None


def same(one, other):
    """Features that differ between a file and its raw samples."""
    one, other = members(one), members(other)
    return [path for path in one if not path.startswith("technical.") and one[path] != other[path]]


def judge(program, folder, name, made, said):
    """Faults of one row."""
    if callable(made):
        document, fault = analyse(program, made(folder))
        return [fault] if fault else list(faults_of(document, said))
    samples, rate, channels = made
    stem = folder / name.replace(" ", "_").replace(",", "")
    raw = stem.with_suffix(".f32")
    raw.write_bytes(array.array("f", samples).tobytes())
    of_raw, fault = analyse(program, "--pcm", "f32", "--rate", rate, "--channels", channels, raw)
    faults = [f"raw: {fault}"] if fault else [f"raw: {text}" for text in faults_of(of_raw, said)]
    if not samples:  # a WAV file without samples is refused: tests/farm/bad_input_test.py
        return faults
    of_wav, fault = analyse(program, wav(stem.with_suffix(".wav"), samples, rate, channels))
    faults += [fault] if fault else list(faults_of(of_wav, said))
    if of_raw and of_wav and channels <= 2 and not isinstance(said, str):  # of more channels, raw samples have no layout
        faults += [f"{path} differs between file and raw samples" for path in same(of_wav, of_raw)]
    return faults


def main():
    """Runs the table and prints the closing line."""
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    program = ap.parse_args().kithara.resolve()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kithara-odd-") as folder:
        for name, (made, said) in ROWS.items():
            faults = judge(program, Path(folder), name, made, said)
            failed += bool(faults)
            print(f"{'FAILED' if faults else 'ok    '} {name}", *faults, sep="\n       " if faults else " ")
    print(f"{len(ROWS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
