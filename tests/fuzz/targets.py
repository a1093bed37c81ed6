"""The public entry points by name."""

from __future__ import annotations

from bundles import Bundles, Goldens, Heads, Maps
from commands import Commands
from galleries import Galleries, WrittenGalleries
from lists import Groups, Kiosks, Pairs, Recipes, Tars
from models import LiteRT, LivenessModels, Models, Reference, Verifiers
from pictures import PictureFiles, Pictures, Videos

TARGETS = {
    "decode_image": Pictures,
    "read_image": PictureFiles,
    "timed_frames": Videos,
    "load_bundle": Bundles,
    "unpack_golden": Goldens,
    "unpack_head": Heads,
    "unpack_map": Maps,
    "read_model": Models,
    "reference": Reference,
    "litert": LiteRT,
    "verifier": Verifiers,
    "liveness": LivenessModels,
    "read_recipe": Recipes,
    "read_config": Kiosks,
    "read_pairs": Pairs,
    "read_groups": Groups,
    "open_source": Tars,
    "gallery": Galleries,
    "gallery_written": WrittenGalleries,
    "commands": Commands,
}
