"""NNS2 row by row: what it puts out, what it costs, and how much of the picture it sees."""

from pictures import COLOURS, collins, face, hopper, panels, save

from facelite.explain.field import fields
from facelite.networks import NNS2, count, total

rows, seen = count(NNS2), fields(NNS2)
print(f"{'row':13}{'puts out':>16}{'parameters':>12}{'multiply-adds':>15}  one number sees")
for row in rows:
    shape, down = " x ".join(map(str, row.output)), seen.get(row.name, [None])[0]
    sees = f"{down.size} x {down.size} pixels" if down else "everything"
    print(f"{row.name:13}{shape:>16}{row.parameters:12,}{row.multiply_adds:15,}  {sees}")
print(f"{'together':29}{total(rows)[0]:12,}{total(rows)[1]:15,}")

figure, axes = panels(1, 2, width=7, height=4.2)
for one, picture in zip(axes, (collins(), hopper()), strict=True):
    pixels = face(picture).pixels
    one.imshow(pixels, extent=(-0.5, 95.5, 111.5, -0.5))
    for i, (name, sides) in enumerate(seen.items()):
        down, across = sides
        at = [(side - 1) // 2 for side in next(row.output for row in rows if row.name == name)[:2]]
        y, x = (field.first + place * field.step for field, place in zip(sides, at, strict=True))
        top, left, side = y - down.size / 2, x - across.size / 2, down.size
        one.plot(
            [left, left + side, left + side, left, left],
            [top, top, top + side, top + side, top],
            color=(*COLOURS, "black")[i],
            label=name,
        )
    one.set(xlim=(-42, 124), ylim=(136, -26))
    one.set_axis_off()
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
save(figure)
