"""All distances between pictures of sixty drawn people: how often a threshold is wrong."""

import numpy as np
from pictures import COLOURS, GREY, face, panels, save

import facelite
from facelite.calibration import STEPS, calibrate, compare_all, rates
from facelite.errors import UnsupportedRate
from facelite.export.synthetic import draw_face
from facelite.face import FaceCrop

PEOPLE, EACH = 60, 5
rng = np.random.default_rng(1)
embedder = facelite.open("build/nns2-int8.facelite").embedder


def disturbed(crop):
    """The face in other light, moved a little, with noise."""
    pixels = np.roll(crop.pixels, rng.integers(-1, 2, 2), (0, 1)) * rng.uniform(
        0.6, 1.2
    ) + rng.normal(0, 6, crop.pixels.shape)
    return FaceCrop(np.clip(pixels, 0, 255).astype(np.uint8), crop.landmarks)


crops = [disturbed(crop) for crop in map(face, map(draw_face, range(PEOPLE))) for _ in range(EACH)]
vectors = np.stack([embedder.unit(vector).vector for vector in embedder.vectors(crops)])
found = compare_all(vectors, np.repeat(np.arange(PEOPLE), EACH))
measured = rates(found)
print(f"{len(found.genuine):,} genuine comparisons, {found.impostor_pairs:,} impostor ones")
print(f"{found.people_pairs:,} pairs of people")
print(f"EER {measured.eer:.1%}; VAL at an FMR of 1e-2: {measured.val_at(1e-2):.1%}")
for one in calibrate(found, [1e-1, 1e-2]):
    print(f"distance {one.distance:.3f}: FNMR {one.fnmr:.1%}, ", end="")
    print(f"FMR {one.fmr:.0%} (95 %: up to {one.fmr_upper:.1%})")
try:
    calibrate(found, [1e-3])
except UnsupportedRate as error:
    print("refused:", error)

figure, (first, second) = panels(1, 2, width=8.5, height=3)
edges = np.linspace(0, 1, 51)
grid = np.arange(len(found.impostor)) / STEPS
first.hist(
    found.genuine / STEPS,
    edges,
    density=True,
    color=COLOURS[0],
    alpha=0.8,
    label="genuine: one person",
)
first.hist(
    grid,
    edges,
    weights=found.impostor,
    density=True,
    histtype="step",
    color=GREY,
    hatch="////",
    label="impostor: two people",
)
first.axvline(one.distance, color="black", linestyle="--", label="threshold for FMR 1e-2")
first.set(xlabel="distance", ylabel="density")
second.plot(grid, measured.fmr, color=COLOURS[1], label="FMR: impostors that match")
second.plot(grid, 1 - measured.val, color=COLOURS[0], label="FNMR: genuine ones that do not")
second.axhline(measured.eer, color=GREY, linestyle=":", label="EER, where they meet")
second.set(xlabel="threshold", ylabel="rate", xlim=(0, 1), yscale="log", ylim=(1e-4, 2))
first.legend(loc="upper right", fontsize=8)
second.legend(loc="lower right", fontsize=8)
save(figure)
