"""Films of people who come and go before a kiosk, made of the photographs that come with packages."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH, HEIGHT, RATE = 640, 360, 10


def room(rng):
    """A grey wall with a door frame, and a camera's noise: (360, 640, 3) uint8 RGB."""
    wall = np.full((HEIGHT, WIDTH, 3), 118, np.float32)
    wall[:, 470:480] = wall[:, 600:610] = 60
    return wall + rng.normal(0, 2, wall.shape)


def portrait(photograph):
    """The head of one of the two photographs: (h, w, 3)."""
    return photograph[:300, 80:360] if photograph.shape == (512, 512, 3) else photograph[40:460, 90:430]


def turned(photograph):
    """The second of the two photographs (h, w, 3) as if the head were turned to the person's left: what stands out moves more."""
    rows, columns = np.mgrid[: photograph.shape[0], : photograph.shape[1]].astype(np.float32)
    bump = 150 * np.exp(-((columns - 267) ** 2 + (rows - 232) ** 2) / (2 * 63**2))
    return cv2.remap(photograph, (columns - 0.57 * bump).astype(np.float32), rows, cv2.INTER_LINEAR)


def frame(rng, *people, light=1.0):
    """One frame (h, w, 3) uint8 RGB with ``people``: photograph, centre and height of the head in pixels."""
    drawn = room(rng)
    for photograph, x, height in people:
        head = portrait(photograph)
        width = max(1, round(height * head.shape[1] / head.shape[0]))
        small = cv2.resize(head, (width, height), interpolation=cv2.INTER_AREA)
        left, top = round(x - width / 2), (HEIGHT - height) // 2
        low, high = max(0, left), min(WIDTH, left + width)
        if low < high:
            drawn[top : top + height, low:high] = small[:, low - left : high - left]
    return np.clip(light * drawn + rng.normal(0, 1, drawn.shape), 0, 255).astype(np.uint8)


def walk(rng, photograph, *, stay=20, far=24, near=220):
    """Somebody walks up, stands for ``stay`` frames, and walks away: 14 + stay frames."""
    steps = np.linspace(far, near, 7).astype(int)
    shown = [frame(rng, (photograph, 200 + 20 * i, int(step))) for i, step in enumerate(steps)]
    shown += [frame(rng, (photograph, 330 + rng.integers(-1, 2), near)) for _ in range(stay)]
    return shown + [frame(rng, (photograph, 340 + 30 * i, int(step))) for i, step in enumerate(reversed(steps))]


def nobody(rng, count=12):
    return [frame(rng) for _ in range(count)]


def write(path, frames, rate=RATE):
    """The ``frames`` as a film in the file ``path``."""
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (WIDTH, HEIGHT))
    for one in frames:
        film.write(cv2.cvtColor(one, cv2.COLOR_RGB2BGR))
    film.release()
