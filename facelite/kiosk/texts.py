"""What the kiosk says in each language: one file, ``texts.toml``."""

from __future__ import annotations

import tomllib
from importlib.resources import files

TEXTS: dict[str, dict[str, str]] = tomllib.loads(files("facelite.kiosk").joinpath("texts.toml").read_text(encoding="utf-8"))
"""By language and state, with NAME and SECONDS to be filled in."""

LANGUAGES = tuple(TEXTS)
