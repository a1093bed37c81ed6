"""NNS1, "mini Inception": FaceNet's network between a server's and a phone's.

The paper's: 26M parameters, 220M multiply-adds, input 165 x 165, 128 numbers out; it prints no table.
Ours: this table (4.4M parameters, 137.6M multiply-adds) and the input of 112 x 112, the whole of the usual template. The paper's
26M parameters must sit in a wide fully connected layer; ours, behind a map of 7 x 7, is the larger part of 4.4M too.

It is NNS2 at twice the width with one more block in each stage. A deeper table (three stages, 5 x 5 at 160 x 160, 216.5M
multiply-adds) was tried first and learnt half as fast: trained at 112 x 112 by the same recipe, VAL at FMR 1e-3 on held-out people was 4,
12, 17 and 23 % after one to four epochs, where this one, then a little narrower, had 12, 21, 30 and 35 %. Faces in the data have about as
many pixels as this input. Channels come in sixteens, for which a CPU has kernels: with 28, 56 and 88 of them a step took 1.2 times as long.
"""

from __future__ import annotations

from facelite.networks.table import Conv, Flatten, Inception, Network

_TWO_3X3 = (3, 3)

NNS1 = Network(
    "nns1",
    height=112,
    width=112,
    rows=(
        Conv("conv1", 3, 32, stride=2),
        Conv("conv2", 3, 64, stride=2),
        #          name          1x1  3x3         5x5       pool       projection
        Inception("inception3a", 0, (48, 128), (16, 32), "max", stride=2, five_as=_TWO_3X3),
        Inception("inception3b", 96, (64, 96), (16, 32), "average", 32, five_as=_TWO_3X3),
        Inception("inception3c", 96, (64, 96), (16, 32), "average", 32, five_as=_TWO_3X3),
        Inception("inception4a", 0, (96, 192), (32, 48), "max", stride=2, five_as=_TWO_3X3),
        Inception("inception4b", 192, (96, 160), (32, 48), "average", 96, five_as=_TWO_3X3),
        Inception("inception4c", 192, (96, 160), (32, 48), "average", 96, five_as=_TWO_3X3),
        Flatten("flatten"),
    ),
)
