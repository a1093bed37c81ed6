"""NNS1, "mini Inception": FaceNet's network between a server's and a phone's.

The paper's: 26M parameters, 220M multiply-adds, input 165 x 165, 128 numbers out; it prints no table.
Ours: this table (4.8M parameters, 212.2M multiply-adds) and the input of 112 x 112, the whole of the usual template. The paper's
26M parameters must sit in a wide fully connected layer; ours, behind a map of 7 x 7, is 3.0M of the 4.8M.

Between the blocks that halve the picture stand residual ones, after Inception-ResNet (arXiv:1602.07261): few channels through 3x3
convolutions, added to what came in. Trained alike for two epochs, VAL at FMR 1e-3 on held-out people was 23 and 37 % with them, and 11 and 28 %
with the plain Inception blocks of a table of 137.6M. Channels come in sixteens, for which a CPU has kernels: with 28, 56 and 88 of them a
step took 1.2 times as long.
"""

from __future__ import annotations

from facelite.networks.table import Conv, Flatten, Inception, Network, residual

NNS1 = Network(
    "nns1",
    height=112,
    width=112,
    rows=(
        Conv("conv1", 3, 32, stride=2),
        Conv("conv2", 3, 64, stride=2),
        #          name          1x1  3x3       5x5       pool
        Inception("inception3a", 0, (64, 128), (16, 32), "max", stride=2, five_as=(3, 3)),
        residual("inception3b", 32, 96),
        residual("inception3c", 32, 96),
        residual("inception3d", 32, 96),
        residual("inception3e", 32, 96),
        Inception("inception4a", 0, (96, 192), (32, 64), "max", stride=2, five_as=(3, 3)),
        residual("inception4b", 64, 160),
        residual("inception4c", 64, 160),
        Flatten("flatten"),
    ),
)
