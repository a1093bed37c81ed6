"""One job, 28 x 28 x 256 numbers in and out, as four generations of networks would do it."""

from pictures import COLOURS, panels, save

from facelite.explain.field import fields
from facelite.export.host import import_tensorflow, quiet
from facelite.networks import Network, build, count, total
from facelite.networks.table import Conv, Inception, residual

BLOCKS = {
    "LeNet: one 5x5": (Conv("a", 5, 256),),
    "VGG: two 3x3": (Conv("a", 3, 256), Conv("b", 3, 256)),
    "Inception: 1x1, 3x3, 5x5": (
        Inception("a", 64, (96, 128), (16, 32), "max", 32),
    ),  # FaceNet's NN2, block 3a
    "residual: x + f(x)": (residual("a", 64, 64),),
}
with quiet():
    _, keras = import_tensorflow()

rows = {}
print(f"{'':26}{'parameters':>11}{'multiply-adds':>15}  sees    by Keras")
for name, block in BLOCKS.items():
    network = Network("block", 28, 28, (Conv("before", 1, 256), *block), embedding=1)
    parameters, work = total(count(network)[1:-1])  # without what comes before and behind
    size = fields(network)[block[-1].name][0].size
    with quiet():
        model = build(network, keras=keras, folded=True)
    built = sum(
        layer.count_params() for layer in model.layers if layer.name not in ("before", "embedding")
    )
    rows[name] = parameters, work, size
    print(f"{name:26}{parameters:11,}{work:15,}  {size} x {size}  {built:,}")

figure, axes = panels(1, 2, width=8, height=2.3)
names = list(rows)
for one, what, index, unit in ((axes[0], "parameters", 0, 1e6), (axes[1], "multiply-adds", 1, 1e6)):
    bars = one.barh(names, [rows[name][index] / unit for name in names], color=COLOURS[:4])
    one.bar_label(bars, fmt="%.2f" if index == 0 else "%.0f", padding=3, fontsize=9)
    one.set(
        xlabel=f"{what}, millions", xlim=(0, max(row[index] for row in rows.values()) / unit * 1.2)
    )
    one.invert_yaxis()
    one.grid(visible=False, axis="y")
axes[1].set_yticklabels([])
save(figure)
