"""Drawn faces: nobody's picture, yet the detector finds a face in them. For golden vectors and tests."""

from __future__ import annotations

import cv2
import numpy as np

from facelite.face import Pixels


def draw_face(seed: int, /, *, side: int = 160) -> Pixels:
    """A drawn face (side, side, 3) uint8 RGB, another one for each ``seed``."""
    rng = np.random.default_rng(seed)
    u = side / 160

    def at(x: float, y: float) -> tuple[int, int]:
        return round((80 + x) * u), round((80 + y) * u)

    skin = np.array([rng.uniform(150, 230), rng.uniform(110, 170), rng.uniform(80, 140)])
    hair = rng.uniform(20, 120) * np.array([1.0, 0.75, 0.5])
    image = np.empty((side, side, 3), np.uint8)
    image[:] = rng.integers(60, 200, 3)
    wide, high, apart = rng.uniform(36, 42), rng.uniform(48, 54), rng.uniform(15, 19)

    def oval(x: float, y: float, w: float, h: float, colour: np.ndarray, turn: float = 0.0, thickness: int = -1) -> None:
        cv2.ellipse(image, at(x, y), (max(1, round(w * u)), max(1, round(h * u))), turn, 0, 360, [float(c) for c in colour], thickness, cv2.LINE_AA)

    oval(0, -10, wide + 6, high + 4, hair)
    cv2.rectangle(image, at(-14, 35), at(14, 79), [float(c) for c in skin * 0.85], -1)
    oval(0, 4, wide, high, skin)
    oval(0, -34, wide * 0.9, 16, hair)
    oval(-wide, 4, 5, 10, skin * 0.9)
    oval(wide, 4, 5, 10, skin * 0.9)
    for sign in (-1, 1):
        oval(sign * apart, -6, 10, 7, skin * 0.8)
        oval(sign * apart, -6, 8, 4.5, np.array([245, 245, 245]))
        oval(sign * apart, -6, 4, 4, rng.uniform(20, 110, 3))
        oval(sign * apart, -6, 2, 2, np.zeros(3))
        oval(sign * apart, -18, 11, 2.5, hair * 0.7, sign * rng.uniform(2, 8))
    oval(0, 8, 3.5, 14, skin * 1.08)
    for sign in (-1, 1):
        oval(sign * 5, 19, 4, 3, skin * 0.7)
    oval(0, 34, rng.uniform(14, 19), rng.uniform(4, 6), np.array([rng.uniform(150, 200), 70, 80]))
    oval(0, 34, 13, 1.2, np.array([90, 30, 40]))
    light = np.linspace(rng.uniform(0.7, 0.9), rng.uniform(1.05, 1.2), side)[None, :, None]
    shaded = cv2.GaussianBlur(np.clip(image * light, 0, 255).astype(np.uint8), (0, 0), 1.2 * u)
    return shaded  # type: ignore[return-value]
