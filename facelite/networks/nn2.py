"""NN2, FaceNet's Inception network by table 2 of arXiv:1503.03832, and its smaller siblings NN3 and NN4.

The paper's NN2: 7.5M parameters, 1.6B multiply-adds, input 224 x 224, 128 numbers out. Ours: its table row by row (7.46M,
1,599.8M). NN3 is NN2 at 160 x 160 (816.3M; the paper prints no sum). NN4 is NN2 at 96 x 96 without 5x5 convolutions "in the
higher layers", 285M in the paper: left out of 4e, 5a and 5b that is 285.3M (6.6M parameters), out of 5a and 5b alone 289.5M,
so the first is taken. All with biases; without them NN2, NN3 and NN4 take 1,596.5M, 814.6M and 284.7M.
The constants of the normalisation, which the paper does not give, are Krizhevsky's (2012); BatchNorm behind every
convolution in training is ours, and folds away.
"""

from __future__ import annotations

from dataclasses import replace

from facelite.networks.table import AveragePool, Conv, Inception, Network, Norm, Pool

NN2 = Network(
    "nn2",
    height=224,
    width=224,
    rows=(
        Conv("conv1", 7, 64, stride=2),
        Pool("pool1"),
        Norm("norm1"),
        #          name          1x1  3x3         5x5        pool   projection
        Inception("inception2", 0, (64, 192), None, None),
        Norm("norm2"),
        Pool("pool2"),
        Inception("inception3a", 64, (96, 128), (16, 32), "max", 32),
        Inception("inception3b", 64, (96, 128), (32, 64), "L2", 64),
        Inception("inception3c", 0, (128, 256), (32, 64), "max", stride=2),
        Inception("inception4a", 256, (96, 192), (32, 64), "L2", 128),
        Inception("inception4b", 224, (112, 224), (32, 64), "L2", 128),
        Inception("inception4c", 192, (128, 256), (32, 64), "L2", 128),
        Inception("inception4d", 160, (144, 288), (32, 64), "L2", 128),
        Inception("inception4e", 0, (160, 256), (64, 128), "max", stride=2),
        Inception("inception5a", 384, (192, 384), (48, 128), "L2", 128),
        Inception("inception5b", 384, (192, 384), (48, 128), "max", 128),
        AveragePool("average"),
    ),
)

NN3 = replace(NN2, name="nn3", height=160, width=160)

_WITHOUT_5X5 = ("inception4e", "inception5a", "inception5b")

NN4 = replace(
    NN2,
    name="nn4",
    height=96,
    width=96,
    rows=tuple(replace(row, five=None) if isinstance(row, Inception) and row.name in _WITHOUT_5X5 else row for row in NN2.rows),
)
