"""A kernel slides over a picture: the sum of nine products says how well it fits there."""

import numpy as np
from pictures import collins, panels, save

from facelite.runtime.float_kernels import convolve, place

SOBEL = np.array(
    [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float64
)  # bright at the right of dark: an upright edge

grey = collins()[:256, 96:352].mean(
    axis=2
)  # a picture is numbers: 256 x 256 of them, 0 black, 255 white
axis = place(256, taps=3, stride=1, dilation=1, same=True)
upright, level = (
    convolve(grey[None, :, :, None], kernel[None, :, :, None], window=(axis, axis))[0, :, :, 0]
    for kernel in (SOBEL, SOBEL.T)
)

y, x = 90, 87  # where the cheek begins
patch = grey[y - 1 : y + 2, x - 1 : x + 2]
print("nine pixels           times the kernel")
for pixels, weights in zip(patch, SOBEL, strict=True):
    print(
        " ".join(f"{pixel:5.0f}" for pixel in pixels),
        "    ",
        " ".join(f"{weight:+5.0f}" for weight in weights),
    )
print(
    f"sum of the products: {(patch * SOBEL).sum():.1f}; the convolution there: {upright[y, x]:.1f}"
)

figure, (first, second, third, fourth) = panels(1, 4, width=8, height=2.3)
first.imshow(grey, cmap="gray")
first.plot(x, y, "s", color="#D55E00", markersize=9, fillstyle="none", markeredgewidth=2)
first.set_title("grey picture")
near = grey[y - 4 : y + 5, x - 4 : x + 5]
second.imshow(near, cmap="gray", vmin=0, vmax=255)
for row, column in np.ndindex(near.shape):
    second.text(
        column,
        row,
        f"{near[row, column]:.0f}",
        ha="center",
        va="center",
        fontsize=5,
        color="white" if near[row, column] < 110 else "black",
    )
second.plot([2.5, 5.5, 5.5, 2.5, 2.5], [2.5, 2.5, 5.5, 5.5, 2.5], color="#D55E00")
second.set_title("its pixels, 9 x 9")
for axes, edges, title in ((third, upright, "upright edges"), (fourth, level, "level edges")):
    axes.imshow(edges, cmap="gray", vmin=-400, vmax=400)
    axes.set_title(title)
for axes in (first, second, third, fourth):
    axes.set_axis_off()
save(figure)
