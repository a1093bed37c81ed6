"""Commands of the workstation around training: align, export and conformance. What needs Keras is imported inside."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facelite.cli.output import bar, detector_option, json_option, show, stages, warn

if TYPE_CHECKING:
    from facelite.export.parity import Parity


@click.command()
@click.argument("source", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--face", "face_pixels", type=click.IntRange(32, 512), default=128, show_default=True, help="Pixels of the template's height.")
@click.option("--margin", type=click.IntRange(0, 128), default=16, show_default=True, help="Pixels around it on every side.")
@click.option("--workers", type=click.IntRange(1), help="Threads; default: one for each core.")
@detector_option
@json_option
def align(source: str, out: str, face_pixels: int, margin: int, workers: int | None, detector: str | None, as_json: bool) -> None:
    """Cut an aligned crop out of each picture in SOURCE (a folder of people's folders, or a tar of one) into OUT.

    OUT, made with its parents, mirrors SOURCE: a second run goes on where the first stopped, aligns anew what has changed, and removes
    the crops of pictures that are gone. A picture that cannot be read, without a face, with several and none clearly in the centre, or not
    directly in a person's folder is dropped; OUT/align.csv says why.
    """
    from facelite.runtime.detector import find_detector
    from facelite.training.align import align_pictures
    from facelite.training.geometry import CropGeometry

    with bar("aligning") as progress:
        report = align_pictures(
            source, out, detector=find_detector(detector), geometry=CropGeometry(face_pixels, margin), workers=workers, progress=progress
        )
    lines = [
        f"kept {report.kept}",
        *[f"dropped {number}: {reason}" for reason, number in report.dropped.items()],
        *([f"aligned anew {report.changed}: the picture has changed"] if report.changed else []),
        *([f"removed {report.removed}: the picture is gone"] if report.removed else []),
        *([f"without a picture: {', '.join(report.empty)}"] if report.empty else []),
    ]
    show(asdict(report), as_json, lines)


@click.command()
@click.argument("recipe", type=click.Path())
@click.option("--out", type=click.Path(file_okay=False), default="build", show_default=True, help="Where the bundle and its report go.")
@click.option("--rebuild", is_flag=True, help="Convert from the weights although the recipe names a released file.")
@click.option("--release", is_flag=True, help="Rebuild, and put the result in the place of the files that the recipe releases.")
@click.option("--weights", type=click.Path(), help="A run folder or weights file in place of the recipe's weights.")
@click.option("--faces", type=click.Path(), help="People's pictures: held-out ones for thresholds, others for integer ranges.")
@detector_option
@json_option
def export(recipe: str, out: str, rebuild: bool, release: bool, weights: str | None, faces: str | None, detector: str | None, as_json: bool) -> None:
    """Make the bundle that RECIPE describes. Nothing is written unless parity, calibration and self-test pass."""
    from facelite.export.assemble import export_bundle

    with stages() as progress:
        report = export_bundle(recipe, out, rebuild=rebuild, release=release, weights=weights, faces=faces, detector=detector, progress=progress)
    if report.pictures < report.pictures_wanted:
        warn(f"expected {report.pictures_wanted} pictures for integer ranges and training, found {report.pictures}; give more with --faces")
    lines = [
        f"{Path(out) / report.bundle}: {report.bytes:,} bytes, sha256 {report.digest}",
        f"embedder {', '.join(filter(None, (report.precision, report.smaller)))}: {report.embedder_bytes:,} bytes "
        f"({report.embedder_gzip:,} as gzip), {report.parameters:,} parameters, {report.multiply_adds:,} multiply-adds",
        *(_parity(report.parity) if report.parity else ["parity with float32: not measured; measure it: --rebuild --faces DIR"]),
        *(["int8 in and out: LiteRT.js and MediaPipe's Task Library refuse this file"] if report.io == "int8" else []),
        *(["decides by its Siamese head, in whose distance the thresholds are"] if report.decide == "siamese" else []),
        *[f"FMR {t.fmr:g}: distance {t.distance:.4f}, FMR at most {t.fmr_upper:.2g}, FNMR {t.fnmr:.4f}" for t in report.thresholds],
    ]
    show(asdict(report), as_json, lines)


def _parity(parity: Parity) -> list[str]:
    loss = parity.val_loss
    return [
        f"parity with float32 on {parity.crops} crops: cosine min {parity.cosine_min:.4f}, median {parity.cosine_median:.4f}",
        f"VAL at FMR {parity.fmr:g}: {parity.val_float32:.4f} -> {parity.val_artefact:.4f}, a loss of {100 * loss.value:.2f} points "
        f"({100 * loss.low:.2f} to {100 * loss.high:.2f}); {parity.val_mixed:.4f} on a gallery that float32 has enrolled",
    ]


@click.command()
@click.argument("bundle", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@json_option
def conformance(bundle: str, out: str, as_json: bool) -> None:
    """Write into OUT what every stage of BUNDLE gives, with tolerances, for those who write a port of it.

    OUT/vectors.json and OUT/vectors.bin hold drawn faces only. devices/README.md says how to read them, and what a port is.
    """
    from facelite.bundle import open_bundle
    from facelite.export.conformance import write_vectors

    vectors = write_vectors(open_bundle(bundle), out)
    lines = [f"{stage}: {count} cases" for stage, count in vectors.cases.items()]
    show(asdict(vectors), as_json, [*lines, f"{Path(out) / 'vectors.json'} and vectors.bin: {vectors.bytes:,} bytes"])


COMMANDS: tuple[click.Command, ...] = (align, export, conformance)
