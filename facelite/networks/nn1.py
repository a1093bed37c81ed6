"""NN1: Zeiler and Fergus' network with 1x1 convolutions, by table 1 of FaceNet (arXiv:1503.03832).

The paper's: 140M parameters, 1.6B multiply-adds, input 220 x 220, 128 numbers out.
Ours: its table row by row (140.0M, 1,608M); its fc7128 is the builder's ``embedding``. The constants of rnorm, which the
paper does not give, are Krizhevsky's (2012); BatchNorm behind every convolution in training is ours, and folds away.
103M of the parameters are fc1's and grow with the area of the input: at 96 x 96 the network has 56M.
"""

from __future__ import annotations

from facelite.networks.table import Conv, Maxout, Network, Norm, Pool

NN1 = Network(
    "nn1",
    height=220,
    width=220,
    rows=(
        Conv("conv1", 7, 64, stride=2),
        Pool("pool1"),
        Norm("rnorm1"),
        Conv("conv2a", 1, 64),
        Conv("conv2", 3, 192),
        Norm("rnorm2"),
        Pool("pool2"),
        Conv("conv3a", 1, 192),
        Conv("conv3", 3, 384),
        Pool("pool3"),
        Conv("conv4a", 1, 384),
        Conv("conv4", 3, 256),
        Conv("conv5a", 1, 256),
        Conv("conv5", 3, 256),
        Conv("conv6a", 1, 256),
        Conv("conv6", 3, 256),
        Pool("pool4"),
        Maxout("fc1", 32 * 128, pieces=2),
        Maxout("fc2", 32 * 128, pieces=2),
    ),
)
