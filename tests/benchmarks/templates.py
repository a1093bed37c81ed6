"""What a person's several templates are worth where some of them are unclear: kept, weighed by their clarity, or left out.

    python tests/benchmarks/templates.py RECIPE BUNDLE FACES [--draws 12]

RECIPE is the export's, which names the sets of people in FACES (folders or tars), BUNDLE what was exported by it. The templates of a held-out
person are drawn from the pictures that the bundle takes, the others are probes; unclear is the least clear tenth of the pictures. FNMR is at an
FMR of 1e-3 that each way of fusing has for itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facelite.bundle import DETECTOR, open_bundle
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.people import open_people
from facelite.export.recipe import Recipe
from facelite.face import Floats, fuse
from facelite.recipe import read_recipe
from facelite.runtime.embedder import Embedder

FMR = 1e-3

Fusion = Callable[[Floats, Floats], Floats]
"""Templates (k, d) and their clarity (k,) -> what they are compared as (d,)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--draws", type=int, default=12, help="of the templates of everybody")
    arguments = parser.parse_args()
    bundle = open_bundle(arguments.bundle)
    with open_people(arguments.faces, read_recipe(arguments.recipe, Recipe).faces) as people:
        held_out = people(True)
        (embedded,) = embed_pictures(held_out.names, held_out.read, detector=bundle.files[DETECTOR], embedders=[lambda: Embedder.of(bundle)])
    taken = embedded.found & (embedded.lengths >= bundle.manifest.limits.clarity)
    vectors, clarity, person = embedded.vectors[taken], embedded.lengths[taken], held_out.subjects[taken]
    unclear = float(np.quantile(clarity, 0.1))
    fusions: dict[str, Fusion] = {
        "their mean": lambda some, _: fuse(some),
        "weighed by clarity": lambda some, clear: fuse(some * clear[:, None]),
        "weighed by its cube": lambda some, clear: fuse(some * clear[:, None] ** 3),
        "unclear ones left out": lambda some, clear: fuse(some[clear >= unclear] if (clear >= unclear).any() else some),
    }
    print(f"{bundle.manifest.name}: {taken.sum()} pictures of {len(set(person))} held-out people, unclear below {unclear:.2f}")
    print(f"FNMR at an FMR of {FMR:g}, and by how many of the templates are clear (of so many of the probes)")
    for number in (1, 2, 3, 5):
        for name, fusion in list(fusions.items())[: None if number > 1 else 1]:
            failed, clear = fail(vectors, clarity, person, fusion, number=number, unclear=unclear, draws=arguments.draws)
            by = [f"{k}: {failed[clear == k].mean():.1%} ({(clear == k).mean():.1%})" for k in range(number + 1) if (clear == k).mean() >= 0.005]
            print(f"{number} template(s), {name:22} {failed.mean():6.1%}   ", "  ".join(by))


def fail(
    vectors: Floats, clarity: Floats, person: Floats, fusion: Fusion, *, number: int, unclear: float, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each probe of each draw fails (n,), and how many of the ``number`` templates that it was compared with are clear (n,)."""
    rng = np.random.default_rng(0)
    rows = [mine for one in np.unique(person) if len(mine := np.flatnonzero(person == one)) > number]
    genuine, impostors, clear = [], [], []
    for _ in range(draws):
        drawn = [rng.permutation(mine) for mine in rows]
        templates = np.stack([fusion(vectors[mine[:number]], clarity[mine[:number]]) for mine in drawn])
        probes = np.concatenate([mine[number:] for mine in drawn])
        owner = np.repeat(np.arange(len(drawn)), [len(mine) - number for mine in drawn])
        alike = vectors[probes] @ templates.T
        genuine.append(alike[np.arange(len(probes)), owner])
        alike[np.arange(len(probes)), owner] = -np.inf
        places = int(FMR * (alike.size - len(probes)))
        impostors.append(np.partition(alike.ravel(), -places)[-places])
        clear.append(np.array([(clarity[mine[:number]] >= unclear).sum() for mine in drawn])[owner])
    return np.concatenate(genuine) < np.mean(impostors), np.concatenate(clear)


if __name__ == "__main__":
    main()
