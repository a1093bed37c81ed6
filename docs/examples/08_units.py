"""What units look for: the places that excite them most, and a picture made to do so."""

import numpy as np
from pictures import collins, face, hopper, panels, save

from facelite.explain.float_network import open_float_network
from facelite.explain.units import look_into
from facelite.export.synthetic import draw_face

LAYERS = ("inception3a", "inception3c", "inception4b")
crops = {"Collins": face(collins()).pixels, "Hopper": face(hopper()).pixels}
crops |= {
    f"{name}, mirrored": np.ascontiguousarray(pixels[:, ::-1]) for name, pixels in crops.items()
}
crops |= {f"drawn {seed}": face(draw_face(seed)).pixels for seed in range(4)}

figure, axes = panels(3, 12, width=9, height=4)
for one in axes:
    one.set_axis_off()
network = open_float_network("export/nns2/int8.toml")
for row, (layer, units) in zip(
    axes.reshape(3, 12),
    look_into(network, crops.items(), names=LAYERS, units=4, patches=2),
    strict=True,
):
    row[0].text(
        -0.1,
        0.5,
        layer,
        transform=row[0].transAxes,
        rotation=90,
        ha="right",
        va="center",
        fontsize=9,
    )
    height, width = units[0].made.shape[:2]
    print(f"{layer}: a unit sees {height} x {width} pixels; the first four")
    for i, unit in enumerate(units):
        best = ", ".join(
            f"{name} {value:.2f}"
            for name, value in zip(unit.pictures, unit.activations, strict=True)
        )
        print(f"  unit {unit.unit:3}  {best}; made {unit.reached:.2f}")
        for one, picture, title in zip(
            row[3 * i :],
            (unit.made, *unit.patches),
            (f"{unit.unit}, made", "best", "second"),
            strict=False,
        ):
            one.imshow(picture)
            one.set_title(title, fontsize=8)
save(figure)
