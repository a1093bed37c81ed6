"""NNS1, "mini Inception": FaceNet's network between a server's and a phone's.

The paper's: 26M parameters, 220M multiply-adds, input 165 x 165, 128 numbers out; it prints no table.
Ours: this table (4.2M parameters, 216.5M multiply-adds) and the input of 160 x 160, which five halvings bring to 5 x 5 exactly.
At the paper's 165 the maps end at 6 x 6 (5.2M, 256.2M); at 128 x 128 at 4 x 4 (3.4M, 138.6M). The paper's 26M
parameters must sit in a wide fully connected layer behind the last map; ours go to convolutions.

Built as NNS2 is (5x5 as two 3x3, no L2 pooling, bare pooling where the picture is halved), at about one and a half times
its width, with more blocks and a third stage: at 5 x 5 a convolution sees most of the face for a sixteenth of what it costs
at 20 x 20, and the embedding's layer needs less than half the weights that 10 x 10 would ask for. Three quarters of the
multiply-adds go to the 20 x 20 and 10 x 10 stages, a tenth to the stem.
"""

from __future__ import annotations

from facelite.networks.table import Conv, Flatten, Inception, Network

_TWO_3X3 = (3, 3)

NNS1 = Network(
    "nns1",
    height=160,
    width=160,
    rows=(
        Conv("conv1", 3, 24, stride=2),
        Conv("conv2", 3, 48, stride=2),
        #          name          1x1  3x3         5x5       pool       projection
        Inception("inception3a", 0, (40, 96), (16, 32), "max", stride=2, five_as=_TWO_3X3),
        Inception("inception3b", 80, (40, 72), (16, 24), "average", 32, five_as=_TWO_3X3),
        Inception("inception3c", 80, (40, 72), (16, 24), "average", 32, five_as=_TWO_3X3),
        Inception("inception4a", 0, (72, 144), (24, 48), "max", stride=2, five_as=_TWO_3X3),
        Inception("inception4b", 144, (72, 128), (24, 40), "average", 64, five_as=_TWO_3X3),
        Inception("inception4c", 144, (72, 128), (24, 40), "average", 64, five_as=_TWO_3X3),
        Inception("inception4d", 144, (72, 128), (24, 40), "average", 64, five_as=_TWO_3X3),
        Inception("inception5a", 0, (112, 224), (32, 64), "max", stride=2, five_as=_TWO_3X3),
        Inception("inception5b", 288, (112, 208), (32, 64), "average", 128, five_as=_TWO_3X3),
        Flatten("flatten"),
    ),
)
