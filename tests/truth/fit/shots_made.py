"""Made sequences for shots_fit.py: single shots of real clips and camera moves over photographs, joined by cuts and gradual
changes and disturbed by what detectors take for cuts: flashes, black pictures, explosions, flicker, steps of exposure,
graphics, things that pass, damaged pictures, grain, darkness, low contrast, black bars, pictures that are stored twice. Some
shots are motion graphics: a page over which the view jumps, so that the whole picture is pushed away."""
import cv2
import numpy as np

W, H = 320, 180
DISTURBANCES = ("flash", "black", "explosion", "flicker", "step", "graphic", "pass", "damage")
STYLES = ("", "", "dark", "low", "grain", "twos", "bars", "grey")
ROWS, COLUMNS = np.mgrid[0:H, 0:W].astype(np.float32)


def flat(level):
    """A picture of one grey."""
    return [np.full((H, W), level, np.float32), np.full((H // 2, W // 2), 128, np.float32), np.full((H // 2, W // 2), 128, np.float32)]


def mix(a, b, share):
    """share of b: a number, or a mask of the size of luma."""
    small = share if np.isscalar(share) else cv2.resize(share, (W // 2, H // 2), interpolation=cv2.INTER_AREA)
    return [p * (1 - s) + q * s for p, q, s in zip(a, b, (share, small, small))]


def warp(plane, m, size):
    """The part of a plane that the matrix shows."""
    return cv2.warpAffine(plane, m, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def real_shot(rng, source, length):
    """Consecutive pictures of one shot, every first to third, cropped to 16:9, sometimes panned."""
    y, u, v = source
    step = int(rng.choice((1, 1, 1, 2, 3)))
    step = step if len(y) >= 4 * step else 1
    length = min(length, len(y) // step)
    start = int(rng.integers(0, len(y) - length * step + 1))
    h, w = y.shape[1:]
    cw = min(w, h * 16 / 9) * rng.uniform(.6, 1)
    x, top = rng.uniform(0, w - cw), rng.uniform(0, h - cw * 9 / 16)
    pan = rng.uniform(-1, 1, 2) * (rng.uniform(.002, .02) * cw if rng.random() < .3 else 0)
    out = []
    for n in range(length):
        m = np.array([[cw / W, 0, np.clip(x + pan[0] * n, 0, w - cw)], [0, cw / W, np.clip(top + pan[1] * n, 0, h - cw * 9 / 16)]], np.float32)
        half = m.copy()
        half[:, 2] /= 2
        i = start + n * step
        out.append([warp(y[i], m, (W, H)), warp(u[i], half, (W // 2, H // 2)), warp(v[i], half, (W // 2, H // 2))])
    return out


def still_shot(rng, photo, length):
    """A camera that pans, zooms and shakes over a photograph (planes as one picture)."""
    h, w = photo.shape[:2]
    speed, angle = rng.choice((0, .5, 2, 6, 12, 20)) * rng.uniform(.5, 1.5), rng.uniform(0, 2 * np.pi)
    shake, zoom, cw = rng.choice((0, 0, 0, 3, 10)), rng.choice((1, 1, 1.01, 1.03, .98)), w * rng.uniform(.3, .8)
    x, y = rng.uniform(.2, .8, 2) * (w, h)
    out = []
    for n in range(length):
        x, y = x + speed * np.cos(angle), y + speed * np.sin(angle)
        if not (.1 * w < x < .9 * w and .1 * h < y < .9 * h):
            angle += np.pi
        scale = np.clip(cw * zoom ** -n, .15 * w, .95 * w) / W
        dx, dy = rng.normal(0, 1, 2) * shake
        picture = warp(photo, np.array([[scale, 0, x + dx - scale * W / 2], [0, scale, y + dy - scale * H / 2]], np.float32), (W, H))
        small = cv2.resize(picture, (W // 2, H // 2), interpolation=cv2.INTER_AREA)
        out.append([picture[..., 0].copy(), small[..., 2].copy(), small[..., 1].copy()])
    return out


def letters(rng, canvas, x, y, w, h, height, ink):
    """Lines of text in a rectangle."""
    for top in range(y + height, y + h, int(height * rng.uniform(1.3, 2))):
        line = "".join(rng.choice(list("abcdefghiklmnoprstuvw  ABDEKMRS123"), max(3, int(w * rng.uniform(.4, .9) / height / .75))))
        cv2.putText(canvas, line, (x, top), cv2.FONT_HERSHEY_SIMPLEX, height / 24, ink, max(1, height // 10), cv2.LINE_AA)


def page(rng, photos):
    """A page of headings, text, boxes and pictures on one ground, larger than the view."""
    h, w = int(H * rng.uniform(3, 6)), int(W * rng.uniform(3, 6))
    ground = rng.uniform(20, 235)
    canvas = np.full((h, w, 3), (ground, rng.uniform(110, 146), rng.uniform(110, 146)), np.float32)
    if rng.random() < .4:
        canvas[::int(rng.integers(6, 16))] += rng.uniform(-12, 12)
        canvas[..., 0] += np.linspace(-1, 1, h, dtype=np.float32)[:, None] * rng.uniform(0, 30)
    canvas = np.clip(canvas, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(8, 40))):
        bw, bh = int(rng.uniform(.3, 1.6) * W), int(rng.uniform(.15, 1.2) * H)
        x, y, kind = int(rng.uniform(0, w - bw)), int(rng.uniform(0, h - bh)), rng.random()
        level = rng.uniform(16, 235)
        if kind < .25:
            canvas[y:y + bh, x:x + bw] = cv2.resize(photos[rng.integers(len(photos))], (bw, bh), interpolation=cv2.INTER_AREA)
        elif kind < .6:
            canvas[y:y + bh, x:x + bw] = (level, rng.uniform(90, 166), rng.uniform(90, 166))
            letters(rng, canvas, x + 8, y + 4, bw - 16, bh - 8, int(rng.integers(8, 40)), (float(255 - level), 128.0, 128.0))
        else:
            letters(rng, canvas, x, y, bw, bh, int(rng.integers(8, 60)), (16.0 if ground > 120 else 235.0, 128.0, 128.0))
    return canvas


def path(rng, length):
    """Places and sizes of a view that rests and jumps: (x, y, scale), each from 0 to 1 but for the scale, a row per time."""
    place, out = np.array([*rng.random(2), rng.uniform(.5, 1.3)]), []
    while len(out) < length:
        out += [place] * int(rng.integers(4, 30))
        there, last = np.array([*rng.random(2), place[2] if rng.random() < .6 else rng.uniform(.35, 1.6)]), int(rng.integers(3, 18))
        if rng.random() < .5:
            there[rng.integers(2)] = place[rng.integers(2)] if rng.random() < .3 else there[rng.integers(2)]
        share = np.linspace(0, 1, last + 2)[1:-1]
        out += [place + (there - place) * s for s in (share * share * (3 - 2 * share) if rng.random() < .7 else share)]
        place = there
    return np.array(out[:length])


def graphic_shot(rng, photos, length):
    """Motion graphics: the view jumps over a page, blurred by its movement."""
    canvas, way = page(rng, photos), path(rng, length)
    h, w = canvas.shape[:2]
    blur, out = int(rng.choice((1, 4, 8))), []
    for n in range(length):
        parts = []
        for x, y, scale in way[n] + np.arange(blur)[:, None] / blur * (way[min(n + 1, length - 1)] - way[n]):
            m = np.array([[scale, 0, x * (w - scale * W)], [0, scale, y * (h - scale * H)]], np.float32)
            parts.append(warp(canvas, m, (W, H)))
        picture = np.mean(parts, 0, dtype=np.float32)
        small = cv2.resize(picture, (W // 2, H // 2), interpolation=cv2.INTER_AREA)
        out.append([picture[..., 0].copy(), small[..., 2].copy(), small[..., 1].copy()])
    return out


def damage(rng, shot):
    """One or two pictures of which a part is lost: gray, black, or what an earlier picture had there. Anywhere in a shot."""
    for _ in range(int(rng.integers(1, 4))):
        i = int(rng.integers(0, len(shot)))
        top, mask = int(rng.uniform(0, .8) * H) // 16 * 16, np.zeros((H, W), np.float32)
        bottom = H if rng.random() < .5 else top + 16 * int(rng.integers(1, 6))
        mask[top:bottom] = 1
        mask[top:top + 16, :int(rng.uniform(0, W))] = 0
        other = flat(rng.choice((16, 128))) if rng.random() < .7 else shot[rng.integers(len(shot))]
        shot[i] = mix(shot[i], other, mask)


def cloud(rng, width, softness):
    """A rough disc, for explosions."""
    cx, cy = rng.uniform(.2, .8) * W, rng.uniform(.2, .8) * H
    rough = cv2.resize(rng.normal(0, 1, (9, 16)).astype(np.float32), (W, H), interpolation=cv2.INTER_CUBIC) * .25
    return np.clip((1 - np.hypot(COLUMNS - cx, ROWS - cy) / width + rough) * softness, 0, 1).astype(np.float32)


def gain(picture, factor, offset=0):
    """Brighter or darker."""
    return [np.clip((picture[0] - 16) * factor + 16 + offset, 0, 255), picture[1], picture[2]]


def disturb(rng, shot, kind):
    """Changes a shot of at least 24 pictures in place."""
    n = len(shot)
    a = int(rng.integers(4, n - 16))
    if kind == "damage":
        damage(rng, shot)
    elif kind in ("flash", "black"):
        strength = rng.uniform(.5, 1)
        for i in range(a, a + int(rng.integers(1, 4))):
            shot[i] = mix(shot[i], flat(235), strength) if kind == "flash" else flat(16)
    elif kind == "explosion":
        grow, last, width = int(rng.integers(1, 4)), int(rng.integers(8, 14)), rng.uniform(.4, 1.2) * W
        for i in range(last):
            shot[a + i] = mix(shot[a + i], flat(230), cloud(rng, width * min(1, (i + 1) / grow), 2.5) * min(1, 1 - (i - grow) / (last - grow)))
    elif kind == "flicker":
        strength = rng.uniform(.03, .2)
        for i in range(n):
            shot[i] = gain(shot[i], np.exp(rng.normal(0, strength)), rng.normal(0, 20 * strength))
    elif kind == "step":
        factor = np.exp(rng.choice((-1, 1)) * rng.uniform(.2, .6))
        shot[a:] = [gain(p, factor) for p in shot[a:]]
    elif kind == "graphic":
        mask, w, h = np.zeros((H, W), np.float32), int(rng.uniform(.2, .9) * W), int(rng.uniform(.1, .35) * H)
        x, y = int(rng.uniform(0, W - w)), int(rng.uniform(0, H - h))
        mask[y:y + h, x:x + w] = 1
        card = flat(rng.uniform(20, 235))
        letters = cv2.resize((rng.random((H // 8, W // 5)) > .6).astype(np.float32), (W, H), interpolation=cv2.INTER_NEAREST)
        card[0] = np.where(letters > 0, 255 - card[0], card[0]).astype(np.float32)
        shot[a:] = [mix(p, card, mask) for p in shot[a:]]
    else:
        last, w, body = int(rng.integers(4, 12)), rng.uniform(.3, .8) * W, flat(rng.uniform(20, 200))
        for i in range(last):
            x = -w + (W + w) * (i + .5) / last
            shot[a + i] = mix(shot[a + i], body, np.clip(np.minimum(COLUMNS - x, x + w - COLUMNS) / 6, 0, 1).astype(np.float32))


def join(rng, frames, shot, how, length):
    """Appends a shot; returns (picture of the cut or None, (first, last, kind) of a gradual change or None)."""
    n, length = len(frames), min(length, len(shot) - 2, len(frames) - 2)
    if how == "cut" or length < 3:
        frames += shot
        return n, None
    if how == "push":
        side, last = rng.integers(4), min(length, max(3, length // 2))
        for i in range(last):
            share = (i + 1) / (last + 1)
            share = share * share * (3 - 2 * share)
            both = [np.concatenate((p, q) if side % 2 else (q, p), side // 2) for p, q in zip(frames[n - last + i], shot[i])]
            for c, (plane, size) in enumerate(zip(both, ((H, W), (H // 2, W // 2), (H // 2, W // 2)))):
                at = round((share if side % 2 else 1 - share) * size[side // 2])
                both[c] = plane[at:at + size[0]] if side < 2 else plane[:, at:at + size[1]]
            frames[n - last + i] = both
        frames += shot[last:]
        return None, (n - last, n, how)
    if how == "fade":
        half, to = max(2, length // 2), flat(16 if rng.random() < .8 else 235)
        for i in range(half):
            frames[n - 1 - i], shot[i] = mix(to, frames[n - 1 - i], i / half), mix(to, shot[i], i / half)
        frames += shot
        return None, (n - half, n + half, how)
    front = rng.choice((COLUMNS / W, 1 - COLUMNS / W, ROWS / H, 1 - ROWS / H, np.hypot((COLUMNS - W / 2) / W, (ROWS - H / 2) / H) / .71), axis=0)
    soft = rng.choice((.01, .1, .4))
    for i in range(length):
        share = (i + 1) / (length + 1)
        share = share if how == "dissolve" else np.clip((share * (1 + soft) - front) / soft, 0, 1).astype(np.float32)
        frames[n - length + i] = mix(frames[n - length + i], shot[i], share)
    frames += shot[length:]
    return None, (n - length, n, how)


def finish(rng, frames, style):
    """The look of the whole sequence; pictures as bytes."""
    out = []
    dark, low, grain = rng.uniform(.12, .35), rng.uniform(.25, .5), rng.uniform(3, 11)
    for y, u, v in frames:
        if style == "dark":
            y, u, v = 16 + (y - 16) * dark, 128 + (u - 128) * dark, 128 + (v - 128) * dark
        elif style == "low":
            y = 120 + (y - 120) * low
        elif style == "grain":
            y = y + rng.normal(0, grain, y.shape)
        elif style == "bars":
            y = np.where((ROWS < 22) | (ROWS >= H - 22), 16, y)
        elif style == "grey":
            u, v = u * 0 + 128, v * 0 + 128
        out.append([np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in (y, u, v)])
    return [out[i // 2 * 2] for i in range(len(out))] if style == "twos" else out


def sequence(seed, sources, photos, graphics=True):
    """(planes of all pictures, times, cuts, gradual changes, pushes), times in seconds. A push of one shot by another is a
    change for an editor and a movement for the eye: it counts neither way. graphics: some shots are motion graphics."""
    rng = np.random.default_rng(seed)
    rate, style = float(rng.choice((12, 15, 24, 25, 30, 30, 50, 60))), str(rng.choice(STYLES))
    count = 1 if rng.random() < .25 else int(rng.integers(4, 9))
    frames, cuts, graduals, pushes = [], [], [], []
    for k in range(count):
        length = min(160, int(max(5, rng.uniform(.3, 3.5) * rate * (2 if count == 1 else 1))))
        kind = rng.random()
        if kind < .2 and graphics:
            shot = graphic_shot(rng, photos, length)
        elif kind < .45:
            shot = still_shot(rng, photos[rng.integers(len(photos))], length)
        else:
            shot = real_shot(rng, sources[rng.integers(len(sources))], length)
        if frames and np.abs(cv2.resize(shot[0][0], (20, 12), interpolation=cv2.INTER_AREA) - cv2.resize(frames[-1][0], (20, 12), interpolation=cv2.INTER_AREA)).mean() < 9:
            continue
        for kind in rng.choice(DISTURBANCES, rng.choice((0, 0, 1, 1, 2)), replace=False) if len(shot) >= 24 else ():
            disturb(rng, shot, kind)
        if not frames:
            frames += shot
            continue
        how = str(rng.choice(("cut", "cut", "cut", "cut", "dissolve", "fade", "wipe", "push")))
        cut, gradual = join(rng, frames, shot, how, round(rng.uniform(.25, 1.6) * rate))
        cuts += [(cut + cut % 2 if style == "twos" else cut) / rate] if cut else []
        if gradual:
            (pushes if how == "push" else graduals).append((gradual[0] / rate, gradual[1] / rate))
    return finish(rng, frames, style), np.arange(len(frames)) / rate, cuts, graduals, pushes
