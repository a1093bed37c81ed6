"""The first layer of NNS2: sixteen kernels that nobody drew, and what each finds in a face."""

import numpy as np
from pictures import face, hopper, panels, save

from facelite.networks import NNS2, fold
from facelite.networks.weights import read_weights
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.float_kernels import convolve, place

kernels, biases = fold(read_weights("export/nns2/weights.npz"))["conv1"]
pixels = face(hopper()).pixels
x = to_input(pixels, Preprocessing(NNS2.height, NNS2.width)).astype(np.float64)
print("pictures   (n, height, width, colours) ", x.shape, f"from {x.min():+.2f} to {x.max():+.2f}")
print("kernels    (height, width, colours, out)", kernels.shape)
rows, columns = (place(side, taps=3, stride=2, dilation=1, same=True) for side in x.shape[1:3])
y = np.maximum(
    convolve(x, kernels.transpose(3, 0, 1, 2), window=(rows, columns)) + biases, 0
)  # ReLU: below 0 becomes 0
print(
    "responses  (n, height, width, out)     ",
    y.shape,
    f"from {y.min():+.2f} to {y.max():+.2f}; {np.mean(y == 0):.0%} are zero",
)

figure, axes = panels(4, 9, width=9, height=4.6)
for one in axes:
    one.set_axis_off()
axes[0].imshow(pixels)
axes[0].set_title("the face", fontsize=9)
strongest = np.argsort(-y.mean(axis=(0, 1, 2)))
for i, unit in enumerate(strongest):
    kernel = kernels[..., unit]
    above, below = axes[9 * (i // 8 * 2) + 1 + i % 8], axes[9 * (i // 8 * 2 + 1) + 1 + i % 8]
    above.imshow(0.5 + 0.5 * kernel / np.abs(kernel).max())
    above.set_title(f"kernel {unit}", fontsize=8)
    below.imshow(y[0, :, :, unit], cmap="gray")
save(figure)
