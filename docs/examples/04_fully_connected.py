"""Where a network's parameters and its work are: in what is fully connected, or in what slides."""

from pictures import COLOURS, panels, save

from facelite.networks import NETWORKS, Count, count

SHOWN = ("nn1", "nn2", "nns1", "nns2")


def dense(row: Count) -> bool:
    return len(row.output) == 1  # behind it there are no places any more


print(
    f"{'':6}{'parameters':>13}{'fully connected':>17}{'multiply-adds':>16}{'fully connected':>17}"
)
shares = {}
for name in SHOWN:
    rows = count(NETWORKS[name])
    parameters, work = sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    flat, cheap = (
        sum(row.parameters for row in rows if dense(row)),
        sum(row.multiply_adds for row in rows if dense(row)),
    )
    shares[name] = (parameters - flat, flat), (work - cheap, cheap)
    print(f"{name:6}{parameters:13,}{flat / parameters:16.0%} {work:16,}{cheap / work:16.1%}")

figure, axes = panels(1, 2, width=7.5, height=2.6)
for one, what, index in zip(axes, ("parameters", "multiply-adds"), (0, 1), strict=True):
    slides, connected = zip(*(shares[name][index] for name in SHOWN), strict=True)
    one.barh([name.upper() for name in SHOWN], slides, color=COLOURS[0], label="convolutions")
    one.barh(
        [name.upper() for name in SHOWN],
        connected,
        left=slides,
        color=COLOURS[1],
        hatch="///",
        edgecolor="white",
        label="fully connected",
    )
    one.invert_yaxis()
    one.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:,.0f}M")
    one.locator_params(axis="x", nbins=4)
    one.set_xlabel(what)
    one.grid(visible=False, axis="y")
axes[0].legend(loc="lower right")
save(figure)
