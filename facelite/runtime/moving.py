"""A gallery -> another gallery in the space of another bundle: who is enrolled anew from kept pictures, who is mapped, who must be enrolled again."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.bundle import Bundle, Manifest
from facelite.distance import Distance
from facelite.errors import BundleError, GalleryError, ImageError, SpaceMismatch, UnsupportedRate
from facelite.face import Embedding, Floats
from facelite.gallery import SAME, Gallery, Keyring, Template
from facelite.runtime.choice import Rule
from facelite.runtime.doubts import FPIR
from facelite.runtime.migration import MAP, SpaceMap, unpack_map
from facelite.runtime.verifier import Verifier

TABLE = 2**22
"""Distances that are made at a time: 16 MB in float32."""


@dataclass(frozen=True, slots=True)
class Move:
    """``templates`` of the new space, and who must be enrolled ``again`` with the reason; nobody is in both, and nobody is missing."""

    templates: list[Template]
    again: dict[str, str]

    def counts(self, artefacts: Collection[str], /) -> dict[str, int]:
        """Who has templates of one of these makers, and how many."""
        found: dict[str, int] = defaultdict(int)
        for one in self.templates:
            found[one.subject] += one.artefact in artefacts
        return {subject: number for subject, number in sorted(found.items()) if number}


def bundle_map(bundle: Bundle, /) -> SpaceMap | None:
    """The map into the bundle's space that the bundle holds; None without one. Raises BundleError for a damaged one, or one without thresholds."""
    if MAP not in bundle.files:
        return None
    try:
        found = unpack_map(bundle.files[MAP])
    except ValueError as error:
        raise BundleError(f"{MAP}: expected a map between two spaces, got {error}; migrate with faces again: --faces") from None
    if found.space != bundle.manifest.space or found.matrix.shape[1] != bundle.manifest.embedding:
        raise BundleError(f"{MAP}: expected a map into the space {bundle.manifest.space!r}, got {found.space!r}; migrate with faces again: --faces")
    if found.artefact not in bundle.manifest.template_thresholds:
        raise BundleError(f"{MAP}: expected thresholds for the templates that it maps, got none; measure them again: --faces")
    return found


def check_spaces(gallery: Gallery, bundle: Bundle, space_map: SpaceMap | None, /) -> None:
    """Raises SpaceMismatch where there is nothing to migrate, or where the map is from another space than the gallery's."""
    if gallery.space == bundle.manifest.space:
        raise SpaceMismatch(
            f"{gallery.path}: expected a gallery of another space than the bundle's, got {gallery.space!r} of both; there is nothing to migrate "
            "(for another embedder of the same space: facelite calibrate --templates)"
        )
    if space_map and space_map.old_space != gallery.space:
        raise SpaceMismatch(
            f"{gallery.path}: expected a gallery of the space {space_map.old_space!r}, which the map is from, got {gallery.space!r}; "
            "learn a map from the gallery's bundle: --from, --faces"
        )


def plan_move(
    gallery: Gallery,
    verifier: Verifier,
    /,
    *,
    space_map: SpaceMap | None = None,
    why_not: str = "expected pictures to enrol from or a map, got neither",
    pictures: Mapping[str, Sequence[Path]] | None = None,
    anyway: bool = False,
    rule: Rule = "only",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Move:
    """What is to become of everybody in ``gallery`` in the space of the ``verifier``'s bundle; nothing is changed.

    Whoever has ``pictures`` is enrolled anew from them. The templates of others go through the ``space_map`` and keep their times; where it is None,
    those are left out for the reason ``why_not``. Left out as well, to be enrolled again, is of whom a template is like none of the subject's others
    or like somebody else's, by the rules of ``runtime.doubts`` (``anyway``: in spite of that). Raises what ``Gallery`` does, SpaceMismatch.
    """
    check_spaces(gallery, verifier.bundle, space_map)
    own: dict[str, list[Template]] = defaultdict(list)
    for one in gallery.templates:
        own[one.subject].append(one)
    moved: list[Template] = []
    again: dict[str, str] = {}
    for done, (subject, templates) in enumerate(sorted(own.items()), start=1):
        if pictures and subject in pictures:
            found = _renewed(subject, pictures[subject], verifier, rule)
        else:
            found = _mapped(templates, space_map) if space_map else why_not
        if isinstance(found, str):
            again[subject] = found
        else:
            moved += found
        progress(done, len(own))
    if moved and not anyway:
        again |= _doubts(moved, verifier.bundle)
    return Move([one for one in moved if one.subject not in again], dict(sorted(again.items())))


def write_gallery(path: Path, templates: Sequence[Template], /, *, keyring: Keyring) -> None:
    """A new gallery of ``templates`` at ``path``, whole or not at all. Raises GalleryError where there is a file already."""
    if path.exists():
        raise GalleryError(f"{path}: expected the name of a new gallery, got a file that exists; name another: --out")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with closing(Gallery(unfinished, space=templates[0].embedding.space, create=True, keyring=keyring)) as made:
            made.add(templates)
        os.link(unfinished, path)  # which never replaces a file
    except FileExistsError:
        raise GalleryError(f"{path}: expected the name of a new gallery, got a file that another process has made; name another: --out") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _renewed(subject: str, pictures: Sequence[Path], verifier: Verifier, rule: Rule) -> list[Template] | str:
    """Templates of all ``pictures``, each once, or why not."""
    templates: list[Template] = []
    for picture in pictures:
        try:
            look = verifier.look(picture, rule=rule)
        except ImageError as error:
            return str(error)
        if look.embedding is None:
            return f"{picture}: {look.outcome}: {look.detail}"
        if all(look.embedding.distance(one.embedding) >= SAME for one in templates):
            templates.append(Template(subject, look.embedding, verifier.bundle.artefact, time.time()))
    return templates


def _mapped(templates: Sequence[Template], space_map: SpaceMap) -> list[Template] | str:
    """``templates`` of a subject, mapped, or why not."""
    if foreign := {one.artefact for one in templates} - {space_map.old_artefact}:
        return (
            f"expected templates of the embedder that the map is from (sha256 {space_map.old_artefact[:12]}...), got some of {min(foreign)[:12]}..."
        )
    vectors = np.stack([one.embedding.vector for one in templates])
    if vectors.shape[1] != len(space_map.matrix) - 1:
        return f"expected templates of {len(space_map.matrix) - 1} numbers, got {vectors.shape[1]}"
    made = space_map.artefact
    return [
        Template(one.subject, Embedding(vector, space_map.space), made, one.enrolled_at)
        for one, vector in zip(templates, space_map(vectors), strict=True)
    ]


def _doubts(templates: Sequence[Template], bundle: Bundle) -> dict[str, str]:
    """Whose templates in the new space are doubtful, and why."""
    manifest, vectors = bundle.manifest, np.stack([one.embedding.vector for one in templates])
    names, person = np.unique([one.subject for one in templates], return_inverse=True)
    loosest = {one.artefact: max(t.distance for t in manifest.template_thresholds.get(one.artefact, manifest.thresholds)) for one in templates}
    near = _limit(manifest, len(templates), {one.artefact for one in templates})
    own, other, who = _nearest(vectors, person, bundle.distance)
    doubts: dict[str, str] = {}
    for place, one in enumerate(templates):
        limit = loosest[one.artefact]
        if limit < own[place] < np.inf:
            doubts[one.subject] = f"expected a distance of {limit:.2f} or less to another of the subject's templates, got {own[place]:.2f}"
        if other[place] <= near:
            doubts[one.subject] = (
                f"expected nobody else so near, got {names[person[who[place]]]} at a distance of {other[place]:.2f} (threshold {near:.2f})"
            )
    return doubts


def _limit(manifest: Manifest, templates: int, kinds: set[str]) -> float:
    """The distance for FPIR, else of the strictest threshold that there is for these kinds."""
    try:
        return manifest.threshold_for_gallery(templates, FPIR, kinds=kinds).distance
    except UnsupportedRate:
        return min(one.distance for kind in kinds for one in manifest.template_thresholds.get(kind, manifest.thresholds))


def _nearest(vectors: Floats, person: NDArray[np.intp], distance: Distance) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Of each vector (n,) the distances to the nearest other of the same person and of anybody else, infinite without one, and the latter's row."""
    own, other = np.full(len(vectors), np.inf, np.float32), np.full(len(vectors), np.inf, np.float32)
    who = np.zeros(len(vectors), np.intp)
    step = max(1, TABLE // len(vectors))
    for start in range(0, len(vectors), step):
        rows = slice(start, start + step)
        found = distance.table(vectors[rows], vectors)
        same = person[rows, None] == person
        others = np.where(same, np.inf, found)
        who[rows] = others.argmin(1)
        other[rows] = others.min(1)
        found[~same] = np.inf
        found[np.arange(len(found)), start + np.arange(len(found))] = np.inf
        own[rows] = found.min(1)
    return own, other, who
