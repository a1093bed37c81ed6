"""What each precision of a network costs and gains: size, size as a download, parity with float32 on held-out people, time on one thread.

    python tests/benchmarks/precisions.py RECIPE DATA OUT [--only PATTERN] [--steps 1000] [--lfw lfw_pairs.tar]

RECIPE is an export's, DATA what its [[faces]] lie in. A conversion that OUT has is not made again, so an interrupted table goes on. Rows of
ai-edge-quantizer, Google's newer tool, need it beside facelite: pip install ai-edge-quantizer==0.10.0. Times are interleaved; medians, as
shares of float32's. VAL is that of the recipe's fmr; its loss against float32 is paired, and its interval is drawn by people. With --lfw each row's
accuracy and VAL at FMR 1e-3 on the 6,000 pairs, which choose nothing.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from latency import latencies

from facelite.atomic import write_atomically
from facelite.distance import SQUARED_L2
from facelite.errors import ExportError
from facelite.evaluation.embed import Embedded, embed_pictures
from facelite.evaluation.judge import listed_pairs
from facelite.evaluation.people import People, open_people
from facelite.export.master import Master, trained
from facelite.export.parity import compare, parity_of
from facelite.export.rebuild import representative
from facelite.export.recipe import Recipe
from facelite.face import FaceCrop
from facelite.networks.weights import read_weights
from facelite.preprocess import to_input
from facelite.quantize.smaller import Smaller
from facelite.recipe import read_recipe
from facelite.runtime.detector import find_detector
from facelite.runtime.embedder import Embedder
from facelite.training.recipe import NetworkChoice
from facelite.training.run import sized_network

HALF = Smaller(0.5)
PLAIN: dict[str, dict[str, Any]] = {
    "float32": {"precision": "float32"},
    "float16": {"precision": "float16"},
    "dynamic": {"precision": "dynamic"},
    "int8": {"precision": "int8"},
    "int8-qat": {"precision": "int8-qat"},
    "half pruned, int8": {"precision": "int8", "smaller": HALF},
    "2:4 pruned, int8": {"precision": "int8", "smaller": Smaller(0.5, "2:4")},
    "half pruned in blocks, int8": {"precision": "int8", "smaller": Smaller(0.5, "blocks")},
    "16 clusters, int8": {"precision": "int8", "smaller": Smaller(clusters=16)},
    "half pruned, int8-qat (PQAT)": {"precision": "int8-qat", "smaller": HALF},
    "16 clusters, int8-qat (CQAT)": {"precision": "int8-qat", "smaller": Smaller(clusters=16)},
    "half pruned, 16 clusters, int8-qat (PCQAT)": {"precision": "int8-qat", "smaller": Smaller(0.5, clusters=16)},
}
NEWER = ("dynamic_wi8_afp32", "static_wi8_ai8", "mixed", "dynamic_wi4_afp32")
"""Recipes of ai-edge-quantizer; mixed: ``static_wi8_ai8``, and the embedding layer by ``dynamic_wi8_afp32``."""

ROWS = (*PLAIN, *(f"ai-edge-quantizer {name}" for name in NEWER))

FIELDS = ("row", "bytes", "gzip", "cosine_min", "cosine_median", "val", "mixed", "loss", "low", "high", "lfw", "lfw_val", "time")


def newer(name: str, float32: bytes, inputs: list[np.ndarray]) -> bytes:
    """``float32`` by a recipe of ai-edge-quantizer."""
    quantizer, recipes = import_module("ai_edge_quantizer.quantizer"), import_module("ai_edge_quantizer.recipe")
    if name == "mixed":
        recipe = recipes.static_wi8_ai8() + [one | {"operation": "FULLY_CONNECTED"} for one in recipes.dynamic_wi8_afp32()]
    else:
        recipe = getattr(recipes, name)()
    tool = quantizer.Quantizer(float32, recipe)
    if not tool.need_calibration:
        return bytes(tool.quantize().quantized_model)
    signatures = import_module("ai_edge_litert.interpreter").Interpreter(model_content=float32).get_signature_list()
    ((key, names),) = signatures.items()
    return bytes(tool.quantize(tool.calibrate({key: [{names["inputs"][0]: one} for one in inputs]})).quantized_model)


def tuned(row: str) -> bool:
    return row in PLAIN and ("smaller" in PLAIN[row] or PLAIN[row]["precision"] == "int8-qat")


def convert(row: str, recipe: Recipe, master: Master, float32: bytes, crops: list[FaceCrop]) -> bytes:
    few = crops[: recipe.representative]
    if row not in PLAIN:
        return newer(row.split()[-1], float32, [to_input(crop.pixels, master.preprocessing) for crop in few])
    if tuned(row):
        return master.convert(**PLAIN[row], representative=few, pictures=crops, tuning=recipe.tuning, progress=show)
    return master.convert(**PLAIN[row], representative=few)


def conversions(recipe: Recipe, master: Master, people: Callable[[bool | None], People], detector: bytes, out: Path, only: str) -> dict[str, bytes]:
    """The file of each row, as it lies in ``out`` or made anew."""
    rows = ["float32", *(row for row in ROWS if row != "float32" and re.search(only, row))]
    if find_spec("ai_edge_quantizer") is None:
        for row in [row for row in rows if row not in PLAIN]:
            print(f"SKIPPED {row}: pip install ai-edge-quantizer==0.10.0", file=sys.stderr)
            rows.remove(row)
    paths = {row: out / f"{re.sub('[^a-z0-9]+', '-', row.lower())}.tflite" for row in rows}
    missing = [row for row in rows if not paths[row].exists()]
    float32 = master.convert(precision="float32")
    if paths["float32"].exists() and paths["float32"].read_bytes() != float32:
        sys.exit(f"{out}: expected conversions of the same weights, got others'; name another folder")

    def make() -> Embedder:
        return Embedder(float32, space=recipe.space, preprocessing=master.preprocessing)

    wanted = recipe.tuning.pictures if any(map(tuned, missing)) else recipe.representative
    crops = representative(people(False), people(True), detector, make, wanted, show) if missing else []
    for row in missing:
        print(f"\n{row}", file=sys.stderr)
        try:
            with redirect_stdout(sys.stderr):
                write_atomically(paths[row], convert(row, recipe, master, float32, crops))
        except ExportError as error:
            print(f"REFUSED {row}: {error}", file=sys.stderr)
    return {row: path.read_bytes() for row, path in paths.items() if path.exists()}


def show(stage: str, done: int, total: int) -> None:
    print(f"\r  {stage} {done}/{total}   ", end="", file=sys.stderr, flush=True)


def in_bytes(embedded: Embedded) -> Embedded:
    """Each number of a template as one signed byte, as FaceNet keeps them (arXiv:1503.03832, section 5.1), all by one scale."""
    scale = 127 / np.abs(embedded.vectors).max()
    vectors = np.round(embedded.vectors * scale)
    return replace(embedded, vectors=(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)).astype(np.float32))


def judge_lfw(data: Path, models: dict[str, bytes], makers: list[Callable[[], Embedder]], detector: bytes) -> dict[str, tuple[float, float]]:
    """Accuracy, and VAL at FMR 1e-3, of each row."""
    with listed_pairs(data, "pairs.txt") as material:
        found = embed_pictures(material.names, material.read, detector=detector, embedders=makers, progress=lambda *n: show("LFW", *n))
        judged = [material.verify(one).verification for one in found]
    return {row: (one.accuracy, one.val_at_fmr["1e-3"]) for row, one in zip(models, judged, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("recipe", "data", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", default="", help="a regular expression that the row must match; float32 always does")
    parser.add_argument("--lfw", type=Path, help="what has LFW's pictures and its pairs.txt")
    parser.add_argument("--steps", type=int, help="of each training, in place of the recipe's")
    arguments = parser.parse_args()
    recipe, out = read_recipe(arguments.recipe, Recipe), arguments.out
    recipe = replace(recipe, tuning=replace(recipe.tuning, steps=arguments.steps or recipe.tuning.steps))
    out.mkdir(parents=True, exist_ok=True)
    network = sized_network(NetworkChoice(recipe.network, recipe.height, recipe.width, recipe.embedding))
    master, detector = trained(network, read_weights(arguments.recipe.parent / recipe.weights)), find_detector()
    with open_people(arguments.data, recipe.faces) as people:
        models = conversions(recipe, master, people, detector, out, arguments.only)
        held_out = people(True)
        makers = [lambda model=model: Embedder(model, space="", preprocessing=master.preprocessing) for model in models.values()]
        embedded = dict(
            zip(
                models,
                embed_pictures(held_out.names, held_out.read, detector=detector, embedders=makers, progress=lambda *n: show("held-out", *n)),
                strict=True,
            )
        )
    lfw = judge_lfw(arguments.lfw, models, makers, detector) if arguments.lfw else {}
    embedded["float32, templates and probes of bytes"] = in_bytes(embedded["float32"])
    took = latencies({row: Embedder(model, space="", preprocessing=master.preprocessing) for row, model in models.items()})
    lines = []
    for row, one in embedded.items():
        parity = parity_of(compare(held_out, embedded["float32"], one, distance=SQUARED_L2), fmr=recipe.fmr)
        size = (len(models[row]), len(gzip.compress(models[row], 6, mtime=0))) if row in models else ("", "")
        loss = parity.val_loss
        lines.append(
            dict(
                zip(
                    FIELDS,
                    (
                        row,
                        *size,
                        parity.cosine_min,
                        parity.cosine_median,
                        parity.val_artefact,
                        parity.val_mixed,
                        loss.value,
                        loss.low,
                        loss.high,
                        *lfw.get(row, ("", "")),
                        took[row][1] if row in took else "",
                    ),
                    strict=True,
                )
            )
        )
    with (out / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(lines)
    heads = ("bytes", "gzip", "cosine min / median", f"VAL at FMR {recipe.fmr:g}", "float32 enrolled", "loss, points (95 %)", "LFW, VAL", "time")
    print(f"\n| {recipe.network} | {' | '.join(heads)} |")
    print(f"|{'---|' * (1 + len(heads))}")
    for line in lines:
        sizes = " | ".join(f"{line[name]:,}" if line[name] else "" for name in ("bytes", "gzip"))
        vals = " | ".join(f"{100 * line[name]:.1f} %" for name in ("val", "mixed"))
        losses = f"{100 * line['loss']:.2f} ({100 * line['low']:.2f} to {100 * line['high']:.2f})"
        faces = f"{100 * line['lfw']:.2f} %, {100 * line['lfw_val']:.1f} %" if line["lfw"] else ""
        took_it = f"{line['time']:.2f}" if line["time"] else ""
        print(f"| {line['row']} | {sizes} | {line['cosine_min']:.4f} / {line['cosine_median']:.4f} | {vals} | {losses} | {faces} | {took_it} |")


if __name__ == "__main__":
    main()
