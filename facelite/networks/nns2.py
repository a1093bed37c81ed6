"""NNS2, "tiny Inception": FaceNet's network for a phone.

The paper's: 4.3M parameters, 20M multiply-adds, input 140 x 116, 128 numbers out; it prints no table.
Ours: this table (1.4M parameters, 20.0M multiply-adds) and the input of 112 x 96, which cuts the usual 112 template to the
face. The 5x5 field of view is made of two 3x3 convolutions, which cost less; there is no L2 pooling, which one of
the two TFLite runtimes cannot run in int8; bare pooling stands in the blocks that halve the picture, residual blocks between them, as in NNS1.
"""

from __future__ import annotations

from facelite.networks.table import Conv, Flatten, Inception, Network, residual

_TWO_3X3 = (3, 3)

NNS2 = Network(
    "nns2",
    height=112,
    width=96,
    rows=(
        Conv("conv1", 3, 16, stride=2),
        Conv("conv2", 3, 32, stride=2),
        #          name          1x1  3x3       5x5       pool
        Inception("inception3a", 0, (16, 48), (8, 16), "max", stride=2, five_as=_TWO_3X3),
        residual("inception3b", 16, 32),
        residual("inception3c", 16, 32),
        Inception("inception4a", 0, (32, 96), (16, 32), "max", stride=2, five_as=_TWO_3X3),
        residual("inception4b", 32, 64),
        Flatten("flatten"),
    ),
)
