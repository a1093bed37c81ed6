"""The public entry points by name."""

from __future__ import annotations

from bundles import Bundles, Goldens, Heads
from commands import Commands
from galleries import Galleries, WrittenGalleries
from lists import Groups, Pairs, Recipes, Tars
from models import LiteRT, Models, Reference, Verifiers
from pictures import PictureFiles, Pictures, Videos

TARGETS = {
    "decode_image": Pictures,
    "read_image": PictureFiles,
    "timed_frames": Videos,
    "load_bundle": Bundles,
    "unpack_golden": Goldens,
    "unpack_head": Heads,
    "read_model": Models,
    "reference": Reference,
    "litert": LiteRT,
    "verifier": Verifiers,
    "read_recipe": Recipes,
    "read_pairs": Pairs,
    "read_groups": Groups,
    "open_source": Tars,
    "gallery": Galleries,
    "gallery_written": WrittenGalleries,
    "commands": Commands,
}
