"""Frames of a camera or a video -> who is there: each person is followed, looked at frame by frame, and answered once.

The caller hands in frames with their times and what decides on a look (``Verifier.identify`` or ``verify_subject``), and gets everybody who is in
the frame with the attempt so far. Who takes another's place between two frames is noticed by the embedding, and has to try anew. An embedder that
has become constant, or repeats itself, ends it before the next person is accepted by it: see ``runtime.collapse``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from facelite.errors import SelfTestError
from facelite.face import Decision, Embedding, FaceCrop, Pixels
from facelite.runtime.attempt import Attempt, AttemptRule
from facelite.runtime.collapse import Collapse
from facelite.runtime.look import Look
from facelite.runtime.tracker import Track, Tracker, TrackRule
from facelite.runtime.verifier import Verifier


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """One person in one frame: the ``track``, what was seen, what this frame alone decides, and the ``attempt`` with it."""

    track: Track
    look: Look
    decision: Decision
    attempt: Attempt

    @property
    def answer(self) -> Decision | None:
        """That of the whole attempt, None as long as it goes on."""
        return self.attempt.answer

    @property
    def closing(self) -> Decision:
        """The answer if the person is seen no more."""
        return self.attempt.closed(self.decision)


class Watch:
    """What goes on before one camera."""

    def __init__(
        self,
        verifier: Verifier,
        decide: Callable[[Look], Decision],
        /,
        *,
        attempts: AttemptRule | None = None,
        tracks: TrackRule | None = None,
    ) -> None:
        self._verifier, self._decide = verifier, decide
        self._rule, self._tracker = attempts or AttemptRule(), Tracker(verifier.detector, rule=tracks)
        self._attempts: dict[int, Attempt] = {}
        self._embeddings: dict[int, Embedding] = {}
        self._collapse = Collapse()

    def update(self, frame: Pixels, at: float, /) -> list[Presence]:
        """Everybody in ``frame`` (h, w, 3) uint8 RGB, who is there longest first; ``at`` in seconds, of any clock that does not go back.

        Raises SelfTestError once two people give nearly the same embedding and the self-test fails, or three do, and then for every frame.
        """
        self._raise_alarm()
        present = [self._presence(frame, track, at) for track in self._tracker.update(frame, at)]
        shown = {track.number for track in self._tracker.tracks}
        self._attempts = {number: attempt for number, attempt in self._attempts.items() if number in shown}
        self._embeddings = {number: embedding for number, embedding in self._embeddings.items() if number in shown}
        return present

    def forget(self, *numbers: int) -> None:
        """Let the tracks of these ``numbers``, or all where none is named, begin a new attempt with their next frame."""
        for number in numbers or tuple(self._attempts):
            self._attempts.pop(number, None)

    def _presence(self, frame: Pixels, track: Track, at: float) -> Presence:
        look = self._verifier.look_at(frame, track.face)
        if look.crop and look.embedding:
            track = self._same(track, look.embedding)
            self._notice(track, look.crop, look.embedding)
        decision = self._decide(look)
        attempt = self._attempts.get(track.number) or Attempt(self._rule, at)
        self._attempts[track.number] = attempt = attempt.after(decision, at)
        return Presence(track, look, decision, attempt)

    def _same(self, track: Track, embedding: Embedding) -> Track:
        """The ``track``, or a new one where its face is farther from that of the frame before than the bundle's own threshold for one person."""
        before = self._embeddings.get(track.number)
        if before and self._verifier.bundle.distance.pairs(before.vector, embedding.vector) > self._verifier.manifest.threshold().distance:
            track = self._tracker.renew(track)
        self._embeddings[track.number] = embedding
        return track

    def _notice(self, track: Track, crop: FaceCrop, embedding: Embedding) -> None:
        """Note what a ``track`` gave. Raises SelfTestError where that is what another gave, and the self-test bears it out."""
        before, self._collapse = self._collapse, self._collapse.after(track.number, crop, embedding)
        if self._collapse.suspicion and self._collapse is not before:
            try:
                self._verifier.self_test()
            except SelfTestError as error:
                self._collapse = replace(self._collapse, alarm=f"{error}; it was repeated, for two people in a row gave one embedding")
        self._raise_alarm()

    def _raise_alarm(self) -> None:
        if self._collapse.alarm:
            raise SelfTestError(self._collapse.alarm)
