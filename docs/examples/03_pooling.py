"""Pooling keeps what was found and lets go of where: a shift of one pixel changes less."""

import numpy as np
from pictures import collins, panels, save

from facelite.runtime.float_kernels import convolve, place, pool_max, pool_sum

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float64)


def edges(grey):
    axis = place(len(grey), taps=3, stride=1, dilation=1, same=False)
    found = convolve(grey[None, :, :, None], SOBEL[None, :, :, None], window=(axis, axis))
    return np.maximum(found, 0)  # ReLU


def pooled(values):
    """By windows of 4 x 4 that move by 4; L2 is the root of the mean of squares."""
    axis = place(values.shape[1], taps=4, stride=4, dilation=1, same=True)
    window = axis, axis
    total, count = pool_sum(values, window=window)
    squares, _ = pool_sum(values**2, window=window)
    return {
        "maximum": pool_max(values, window=window),
        "average": total / count,
        "L2": np.sqrt(squares / count),
    }


picture = collins().mean(axis=2)
here, shifted = edges(picture[59:189, 159:289]), edges(picture[59:189, 160:290])
found, moved = ({"none": values, **pooled(values)} for values in (here, shifted))
print("pooling   numbers  changed by a shift of one pixel")
for kind, values in found.items():
    change = np.linalg.norm(moved[kind] - values) / np.linalg.norm(values)
    print(f"{kind:9} {values.size:7,}  {change:.0%}")

figure, axes = panels(1, 4, width=9, height=2.6)
for one, (kind, values) in zip(axes, found.items(), strict=True):
    one.imshow(values[0, :, :, 0], cmap="gray")
    one.set_title(
        f"{kind}: {values.shape[1]} x {values.shape[2]}"
        if kind != "none"
        else "edges behind ReLU: 128 x 128",
        fontsize=9,
    )
    one.set_axis_off()
save(figure)
