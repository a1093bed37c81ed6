"""Pictures as cameras give them, and what a plain loop makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIZES = ((8, 6), (7, 5), (1, 1))
"""Width, height."""


def write_cases(folder: Path) -> list[np.ndarray]:
    """Write ``folder``/cases.json and the planes; the frames (h, w, 3) that are expected."""
    cases, expected = [], []
    for case, pixels in _cases(folder):
        for rotation in (0, 90, 180, 270):
            for mirrored in (False, True):
                cases.append({**case, "rotation": rotation, "mirrored": mirrored})
                upright = np.rot90(pixels, -rotation // 90)  # rot90 turns to the left
                expected.append(upright[:, ::-1] if mirrored else upright)
    (folder / "cases.json").write_text(json.dumps({"cases": cases}))
    return expected


def _cases(folder: Path) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    rng = np.random.default_rng(0)
    for width, height in SIZES:
        size = {"width": width, "height": height, "planes": [], "argb": []}
        y, (u, v) = _noise(rng, height, width), _noise(rng, 2, (height + 1) // 2, (width + 1) // 2)
        for name, chroma_step, padding in (("planar", 1, 0), ("padded", 1, 5), ("interleaved", 2, 0), ("interleaved, padded", 2, 3)):
            planes = [_plane(folder, y, 1, padding, f"{name} {width} y"), *_chroma(folder, u, v, chroma_step, padding, f"{name} {width}")]
            yield size | {"format": "yuv", "planes": planes}, _from_yuv(y, u, v)
        rgba = _noise(rng, height, width, 4)
        plane = _plane(folder, rgba.reshape(height, -1), 4, 7, f"rgba {width}")
        yield size | {"format": "rgba", "planes": [plane]}, rgba[..., :3]
        argb = rgba[..., [2, 1, 0, 3]].copy().view("<i4")[..., 0]
        yield size | {"format": "argb", "argb": argb.ravel().tolist()}, rgba[..., :3]


def _noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """With many bytes at both ends, whose colours must be clipped."""
    return np.clip(rng.integers(-100, 356, shape), 0, 255).astype(np.uint8)


def _from_yuv(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """BT.601 of full range. Source: JFIF 1.02."""
    pixels = np.empty((*y.shape, 3), np.uint8)
    for row in range(y.shape[0]):
        for column in range(y.shape[1]):
            luma, blue, red = float(y[row, column]), float(u[row // 2, column // 2]) - 128, float(v[row // 2, column // 2]) - 128
            colours = luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue
            pixels[row, column] = [min(max(round(colour), 0), 255) for colour in colours]
    return pixels


def _chroma(folder: Path, u: np.ndarray, v: np.ndarray, step: int, padding: int, name: str) -> list[dict[str, Any]]:
    if step == 1:
        return [_plane(folder, plane, 1, padding, f"{name} {which}") for which, plane in (("u", u), ("v", v))]
    # v, u, v, u, ...: the plane u begins at the second byte, and v ends with the last but one
    both = np.stack([v, u], -1).reshape(len(u), -1)
    plane = _plane(folder, both, 2, padding, f"{name} vu")
    content = (folder / plane["file"]).read_bytes()
    (folder / f"{name} u").write_bytes(content[1:])
    (folder / f"{name} v").write_bytes(content[:-1])
    return [plane | {"file": f"{name} u"}, plane | {"file": f"{name} v"}]


def _plane(folder: Path, rows: np.ndarray, step: int, padding: int, name: str) -> dict[str, Any]:
    """``rows`` with ``padding`` behind each but the last, which ends with its last byte."""
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    (folder / name).write_bytes(padded.tobytes()[: padded.size - padding])
    return {"file": name, "row_stride": padded.shape[1], "pixel_stride": step}
