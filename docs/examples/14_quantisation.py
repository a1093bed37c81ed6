"""From float to int8: weights go to the nearest of 255 steps, and the errors travel on."""

import numpy as np
from pictures import COLOURS, collins, face, hopper, panels, save

from facelite.bundle import open_bundle
from facelite.export.convert import convert
from facelite.export.layers import describe_layers
from facelite.networks import NNS2, fold
from facelite.networks.weights import read_weights
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.model import read_model

weights = read_weights("export/nns2/weights.npz")
int8 = open_bundle("build/nns2-int8.facelite").files["embedder.tflite"]
float32 = convert(NNS2, weights, precision="float32")
print(f"float32 {len(float32):,} bytes, int8 {len(int8):,} bytes")

kernel = (
    fold(weights)["conv1"][0][..., 9].transpose(0, 1, 2).ravel()
)  # the 27 weights of one kernel of the first layer
stored = next(
    tensor
    for tensor in read_model(int8).tensors
    if tensor.data is not None and tensor.shape == (16, 3, 3, 3)
)
steps, scale = stored.data[9].ravel(), stored.scales[9]
print(f"kernel 9: one step is {scale:.5f}")
print(f"its first weight {kernel[0]:+.5f}: {steps[0]:+d} steps, {steps[0] * scale:+.5f}")
print(f"largest error of its 27 weights: {np.abs(steps * scale - kernel).max() / scale:.2f} steps")

inputs = [
    to_input(face(picture).pixels, Preprocessing(NNS2.height, NNS2.width))
    for picture in (collins(), hopper())
]
layers = [
    layer
    for layer in describe_layers(int8, float32=float32, inputs=inputs)
    if layer.error is not None
]
for layer in (layers[0], layers[-1]):
    print(f"error of the output of {layer.name}: {layer.error:.1%}")

figure, (left, right) = panels(1, 2, width=9, height=3.4)
left.axhspan(-0.5, 0.5, color="#e8f1f8")
left.plot(kernel, steps - kernel / scale, "o", color=COLOURS[1], markersize=4)
left.set(xlabel="the 27 weights of kernel 9", ylabel="rounding error, steps", ylim=(-1, 1))
right.plot(
    [layer.error for layer in layers], range(len(layers)), "o-", color=COLOURS[0], markersize=4
)
ticks = {
    layer.name.partition("_")[0]: i
    for i, layer in reversed(list(enumerate(layers)))
    if layer.name.startswith(("conv1", "inception", "embedding"))
}
right.set_yticks(list(ticks.values()), list(ticks), fontsize=8)
right.invert_yaxis()
right.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
right.set(xlabel="error of what each layer puts out, against float32", xlim=(0, None))
save(figure)
