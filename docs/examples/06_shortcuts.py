"""How much of the error signal reaches a deep network's first layer, with shortcuts and without."""

import numpy as np
from pictures import COLOURS, panels, save

from facelite.export.host import import_tensorflow, quiet
from facelite.export.synthetic import draw_face
from facelite.networks import Network, build
from facelite.networks.table import Conv, Inception, residual

DEPTHS = (1, 5, 10, 15, 20)
STEM = (Conv("conv1", 3, 32, stride=2), Conv("conv2", 3, 32, stride=2))
BLOCKS = {
    "without shortcuts": lambda name: Inception(name, 16, (16, 16), None, None),
    "with shortcuts": lambda name: residual(name, 16, 16),
}
faces = np.stack([draw_face(seed, side=64) for seed in range(16)]).astype(np.float32) / 128 - 1
with quiet():
    tf, keras = import_tensorflow()


def first_gradient(block, depth):
    """The length of the first layer's gradient in an untrained network of so many blocks."""
    keras.utils.set_random_seed(1)
    rows = (*STEM, *(block(f"block{i + 1}") for i in range(depth)))
    model = build(Network("stack", 64, 64, rows, embedding=16), keras=keras, folded=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(faces) * tf.random.stateless_normal((16, 16), (1, 2)))
    return float(tf.norm(tape.gradient(loss, model.get_layer("conv1").kernel)))


figure, (axes,) = panels(1, 1, width=6, height=2.8)
print(f"{'blocks':18}" + "".join(f"{depth:9}" for depth in DEPTHS))
for (title, block), colour, marker in zip(BLOCKS.items(), COLOURS[1::-1], "os", strict=True):
    lengths = [first_gradient(block, depth) for depth in DEPTHS]
    print(f"{title:18}" + "".join(f"{length:9.2g}" for length in lengths))
    axes.semilogy(DEPTHS, lengths, marker=marker, color=colour, label=title)
axes.set(xlabel="blocks", ylabel="gradient at the first layer", xticks=DEPTHS)
axes.legend()
save(figure)
