"""What a map between two spaces costs: VAL of native probes against native templates and against mapped ones, of people it has not seen.

    python tests/benchmarks/migration.py OLD NEW PEOPLE... [--held-out]

OLD and NEW are bundles or bare .tflite embedders of two spaces; PEOPLE are folders or tars of one numbering, one folder per person.
"""

from __future__ import annotations

import argparse

import numpy as np

from facelite.calibration import differences, rates, supported_fmrs
from facelite.cli.models import open_model
from facelite.evaluation.cache import default_folder
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.migrate import FOLDS, measure
from facelite.evaluation.people import open_people
from facelite.runtime.migration import learn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("people", nargs="+")
    parser.add_argument("--held-out", action="store_true")
    arguments = parser.parse_args()
    models = [open_model(arguments.old), open_model(arguments.new)]
    parts, persons = [], []
    for data in arguments.people:
        with open_people(data) as people:
            chosen = people(True if arguments.held_out else None)
            makers = [model.make for model in models]
            parts.append(embed_pictures(chosen.names, chosen.read, detector=models[1].detector, embedders=makers, cache=default_folder()))
            persons += chosen.person
    old, new = (np.concatenate([part[i].vectors for part in parts]) for i in (0, 1))
    person = np.unique(persons, return_inverse=True)[1]
    native, mapped = measure(old, new, person, folds=FOLDS, distance=models[1].distance)
    fmrs = [fmr for fmr in supported_fmrs(mapped.people_pairs) if fmr <= 1e-2]
    rule = learn(old, new, person)[1]
    print(f"{arguments.old} -> {arguments.new}: {len(person):,} pictures of {person.max() + 1} people in {FOLDS} parts, rule: {rule}")

    def val(measured):
        return [measured.val_at(fmr) for fmr in fmrs]

    for fmr, before, after, loss in zip(
        fmrs, val(rates(native)), val(rates(mapped)), differences(mapped, native, statistics=(val, val)), strict=True
    ):
        print(f"VAL at FMR {fmr:g}: native {before:.1%}, mapped {after:.1%}, loss {loss.value:.1%} ({loss.low:.1%} to {loss.high:.1%})")


if __name__ == "__main__":
    main()
