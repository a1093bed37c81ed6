"""Faces followed from frame to frame: one person before the camera is one track, and the whole frame is searched now and then only.

Between two searches each face is looked for about its last place, which is one look of the detector in place of a search over the frame and its
tiles. So the keypoints are those of the detector in every frame, and what no longer is a face is let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facelite.face import Detection, Pixels
from facelite.runtime.detector import SUPPRESS_IOU, Detector, overlap


@dataclass(frozen=True, slots=True)
class TrackRule:
    """Newcomers are searched for every ``search`` seconds while somebody is there.

    Who is not in a frame, and was in none for ``patience`` seconds, has left: who comes back later is a new track, and has to try anew.
    Faces below the share ``smallest`` of the frame's shorter side are not searched for.
    """

    search: float = 0.5
    patience: float = 0.7
    smallest: float = 0.0

    def __post_init__(self) -> None:
        if not (self.search >= 0 and self.patience >= 0 and 0 <= self.smallest < 1):
            raise ValueError(f"expected search >= 0, patience >= 0 and 0 <= smallest < 1, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person: a ``number`` that none had before, the ``face`` as it was last seen, and the times of the first and the last sight in seconds."""

    number: int
    face: Detection
    began: float
    seen: float


class Tracker:
    """The ``tracks`` of one camera, those lost for a moment with them. Times come from the caller, of any clock that does not go back."""

    def __init__(self, detector: Detector, /, *, rule: TrackRule | None = None) -> None:
        self._detector, self.rule = detector, rule or TrackRule()
        self.tracks: list[Track] = []
        self._next, self._searched, self._before = 1, float("-inf"), float("-inf")

    def update(self, frame: Pixels, at: float, /) -> list[Track]:
        """The tracks that ``frame`` (h, w, 3) shows, the oldest first. Frames come in the order of their times."""
        self.tracks = [track for track in self.tracks if track.seen == self._before or at - track.seen <= self.rule.patience]
        self._before = at
        followed = [(track, self._detector.follow(frame, track.face)) for track in self.tracks]
        self.tracks = _without_doubles([replace(track, face=face, seen=at) if face else track for track, face in followed])
        if at - self._searched >= self.rule.search or not any(track.seen == at for track in self.tracks):
            self._search(frame, at)
        return [track for track in self.tracks if track.seen == at]

    def renew(self, track: Track, /) -> Track:
        """Somebody else is where ``track`` was, as only the caller can tell: a track of a new number in its place."""
        new = replace(track, number=self._next, began=track.seen)
        self._next += 1
        self.tracks = [new if one.number == track.number else one for one in self.tracks]
        return new

    def _search(self, frame: Pixels, at: float) -> None:
        """Look everywhere: lost ones are found again where they were, others are newcomers."""
        self._searched = at
        for face in self._detector.detect(frame, smallest=self.rule.smallest):
            overlaps = [overlap(track.face.box, face.box) for track in self.tracks]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best < 0 or overlaps[best] < SUPPRESS_IOU:
                self.tracks.append(Track(self._next, face, at, at))
                self._next += 1
            elif self.tracks[best].seen < at:
                self.tracks[best] = replace(self.tracks[best], face=face, seen=at)


def _without_doubles(tracks: Sequence[Track]) -> list[Track]:
    """``tracks`` without those that have come to follow the face of an older one."""
    kept: list[Track] = []
    for track in tracks:
        if all(overlap(track.face.box, other.face.box) < SUPPRESS_IOU for other in kept):
            kept.append(track)
    return kept
