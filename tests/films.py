"""Films with known content for tests and benchmarks: pictures by numpy, encoded by ffmpeg.

A film is a list of RGB arrays; `timeline` knows where its cuts, gradual changes and flashes are. `entry` has the form of
tests/truth's labels, so that its scorer can judge.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/truth"))

SIZE = (320, 180)
VISIBLE = 30  # least mean difference of the pictures of two neighbouring shots, in grey levels
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", "50")


def ffmpeg(*arguments, **options):
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, capture_output=True,
                          **options).stdout


def picture(seed, width=640, height=360, grain=14):
    """A landscape of a gradient, discs and texture of this deviation; RGB."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    top, bottom = rng.uniform(20, 235, (2, 3))
    share = (y / height + .3 * np.sin(x / width * rng.uniform(2, 9) + rng.uniform(0, 6)))[..., None]
    out = top + (bottom - top) * np.clip(share, 0, 1)
    for _ in range(24):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(.03, .2) * width
        inside = (x - cx) ** 2 + ((y - cy) * rng.uniform(.5, 2)) ** 2 < r * r
        out[inside] = .2 * out[inside] + .8 * rng.uniform(0, 255, 3)
    coarse = rng.normal(0, grain, (height // 2, width // 2)).repeat(2, 0).repeat(2, 1)
    return np.clip(out + coarse[..., None], 0, 255).astype(np.uint8)


class Camera:
    """Moves over a picture by whole pixels, back and forth."""

    def __init__(self, seed, speed=1, size=SIZE, grain=14):
        self.picture, self.speed, self.size = picture(seed, 2 * size[0], 2 * size[1], grain), speed, size

    def __call__(self, i):
        width, height = self.size
        x = i * self.speed % (2 * width)
        x = min(x, 2 * width - x)
        y = height // 2
        return self.picture[y:y + height, x:x + width]


def mix(a, b, share):
    return (a * (1 - share) + b * share + .5).astype(np.uint8)


class timeline:  # pylint: disable=invalid-name
    """The frames of a list of (how, frames): cut, fade, dissolve or wipe leads to a shot; flash has one in its middle."""

    def __init__(self, shots, seed=1, speed=1, size=SIZE, ramp=16):
        self.frames, self.cuts, self.gradual, self.flashes = [], [], [], []
        for how, length in shots:
            seed, camera = self.next_camera(seed, speed, size)
            body = [camera(i) for i in range(length)]
            begin = len(self.frames)
            if begin and how in ("cut", "flash"):
                self.cuts.append(begin)
            elif begin:
                body = self.lead(how, body, ramp)
            if how == "flash":
                middle = length // 2
                body[middle:middle + 2] = [mix(frame, np.full_like(frame, 255), .85) for frame in body[middle:middle + 2]]
                self.flashes.append((begin + middle, begin + middle + 2))
            self.frames += body

    def next_camera(self, seed, speed, size):
        """One whose first picture differs from the last one of the film."""
        while True:
            seed += 1
            camera = Camera(seed, speed, size)
            if not self.frames or np.abs(camera(0).astype(int) - self.frames[-1]).mean() >= VISIBLE:
                return seed, camera

    def lead(self, how, body, ramp):
        """Blends the last pictures with the first of the body, which it returns without those."""
        end = len(self.frames)
        if how == "fade":
            for i in range(ramp // 2):
                share = i / (ramp // 2)
                self.frames[end - 1 - i] = mix(np.zeros_like(body[0]), self.frames[end - 1 - i], share)
                body[i] = mix(np.zeros_like(body[0]), body[i], share)
            self.gradual.append((end - ramp // 2, end + ramp // 2))
            return body
        for i in range(ramp):
            at, share = end - ramp + i, (i + 1) / (ramp + 1)
            if how == "dissolve":
                self.frames[at] = mix(self.frames[at], body[i], share)
            else:
                edge = round(share * body[i].shape[1])
                self.frames[at] = np.concatenate([body[i][:, :edge], self.frames[at][:, edge:]], axis=1)
        self.gradual.append((end - ramp, end))
        return body[ramp:]

    def truth(self, rate):
        seconds = lambda pairs: [[a / rate, b / rate] for a, b in pairs]  # noqa: E731
        return {"scene_changes": [c / rate for c in self.cuts], "gradual_changes": seconds(self.gradual),
                "flashes": seconds(self.flashes), "frame_rate": rate, "duration": len(self.frames) / rate}


def encode(path, frames, rate="25", options=X264, sound=()):
    """Writes RGB frames; `options` may be any of ffmpeg's for the output, `sound` for a second input."""
    height, width = frames[0].shape[:2]
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-",
               *sound, *(() if "-pix_fmt" in options else ("-pix_fmt", "yuv420p")), *options, "-threads", "2", path]
    done = subprocess.run(list(map(str, command)), input=b"".join(f.tobytes() for f in frames), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{path}: {done.stderr.decode()}")
    return pathlib.Path(path)


def tone(seconds, codec="aac"):
    """Options of encode: a second input with a sine, and its codec."""
    return ("-f", "lavfi", "-t", seconds, "-i", "aevalsrc=.2*sin(880*t)|.2*sin(1320*t):s=48000", "-c:a", codec)


def times(path):
    """Presentation times of all pictures that are shown, as ffprobe has them, from where the file begins (before zero
    only in an MPEG stream whose time stamps wrap); None where it has none."""
    out = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
                                     "frame=best_effort_timestamp_time:format=start_time", "-of", "json", str(path)],
                                    check=True, capture_output=True, text=True).stdout)
    begin = float(out["format"].get("start_time", 0))
    begin = begin if pathlib.Path(path).suffix in (".ts", ".mpg") else max(0, begin)
    found = [frame.get("best_effort_timestamp_time") for frame in out["frames"]]
    return [None if time is None else float(time) - begin for time in found]


def entry(path, group, **truth):
    return {"file": pathlib.Path(path).name, "folder": pathlib.Path(path).parent.name, "kind": "video", "group": group, "truth": truth}
