"""Whether the face before the camera is there in the flesh: one protocol, a model that is plugged in, and a challenge to turn the head.

Neither makes an RGB camera safe against a photograph, a screen or a mask: see ``docs/liveness.md``.
"""

from facelite.runtime.liveness.model import LivenessModel, ModelCheck, ModelUse, open_liveness_model
from facelite.runtime.liveness.protocol import Finding, Liveness, Sight, Verdict
from facelite.runtime.liveness.turn import TurnChallenge, TurnRule

__all__ = [
    "Finding",
    "Liveness",
    "LivenessModel",
    "ModelCheck",
    "ModelUse",
    "Sight",
    "TurnChallenge",
    "TurnRule",
    "Verdict",
    "open_liveness_model",
]
