"""The error rates that the released NNS2 carries, and what a gallery makes of them."""

import numpy as np
from pictures import COLOURS, panels, save

from facelite.bundle import fused_kind, open_bundle
from facelite.calibration.binomial import clopper_pearson
from facelite.errors import UnsupportedRate

manifest = open_bundle("build/nns2-int8.facelite").manifest
tables = {1: manifest.thresholds} | {
    number: manifest.template_thresholds[fused_kind(number)] for number in manifest.fused[1:]
}
first = manifest.thresholds[0]
print(f"{first.genuine_pairs:,} genuine comparisons, {first.impostor_pairs:,} impostor ones")
print(f"{first.people_pairs:,} pairs of people")
highest = clopper_pearson(0, 1000).high
print(f"no error in 1,000 trials: it may be up to {highest:.2%}; 3 / N is {3 / 1000:.2%}")
print("FMR       distance  FMR, up to   FNMR")
for one in manifest.thresholds:
    print(f"{one.fmr:<8g}  {one.distance:8.3f}   {one.fmr_upper:9.2g}  {one.fnmr:.1%}")
print("people in gallery  distance, FMR and FNMR for an FPIR of 1e-2")
for number in (10, 100, 1000):
    try:
        one = manifest.threshold_for_gallery(number, 0.01)
        print(f"{number:17}  {one.distance:.3f}  {one.fmr:g}  {one.fnmr:.1%}")
    except UnsupportedRate:
        print(f"{number:17}  refused: so small an FMR was not measured")

figure, (left, right) = panels(1, 2, width=8.5, height=3.2)
for (number, table), colour, marker in zip(tables.items(), COLOURS, "osD^v", strict=False):
    label = f"{number} photograph{'s' * (number > 1)}"
    left.loglog(
        [one.fmr for one in table],
        [one.fnmr for one in table],
        color=colour,
        marker=marker,
        label=label,
    )
left.set(xlabel="FMR: strangers accepted", ylabel="FNMR: own face refused", title="enrolled with")
left.set_yticks([0.03, 0.1, 0.3, 0.6], ["3 %", "10 %", "30 %", "60 %"])
left.minorticks_off()
sizes = np.logspace(0, 4, 60)
for one, colour, dash in zip(manifest.thresholds[1::2], COLOURS, ("-", "--", ":"), strict=False):
    right.loglog(sizes, 1 - (1 - one.fmr) ** sizes, dash, color=colour, label=f"FMR {one.fmr:g}")
right.set(
    xlabel="people in the gallery",
    ylabel="FPIR",
    title="a stranger is taken for somebody",
    ylim=(1e-4, 1.2),
)
for axes in (left, right):
    axes.legend(fontsize=8)
save(figure)
