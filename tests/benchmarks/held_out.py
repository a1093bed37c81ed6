"""VAL of exported bundles on the people held out of every training, over all sets of a recipe, with its 95 % interval by people.

    python tests/benchmarks/held_out.py RECIPE DATA BUNDLE...

RECIPE is an export's, DATA what its [[faces]] lie in, as folders or tars. All bundles are judged on the same pictures, each aligned by its own
detector.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facelite.bundle import DETECTOR, open_bundle
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.people import open_people
from facelite.evaluation.verification import verify_all
from facelite.export.recipe import Recipe
from facelite.recipe import read_recipe
from facelite.runtime.embedder import Embedder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("bundles", type=Path, nargs="+")
    wish = parser.parse_args()
    with open_people(wish.data, read_recipe(wish.recipe, Recipe).faces) as people:
        held_out = people(True)
        for bundle in map(open_bundle, wish.bundles):
            (embedded,) = embed_pictures(
                held_out.names, held_out.read, detector=bundle.files[DETECTOR], embedders=[lambda bundle=bundle: Embedder.of(bundle)]
            )
            found = verify_all(held_out, embedded).verification
            print(f"{bundle.manifest.name}: {found.images} pictures of {found.people} people, {found.failed_to_detect} without a face", flush=True)
            for fmr, val in found.val_at_fmr.items():
                low, high = found.val_interval_at_fmr[fmr]
                print(f"  VAL at FMR {fmr}: {100 * val:.1f} % ({100 * low:.1f} to {100 * high:.1f})", flush=True)


if __name__ == "__main__":
    main()
