"""facelite: small, honest, self-testing face verification on cheap devices.

import facelite
decision = facelite.open("nns2-int8.facelite").verify("a.jpg", "b.jpg")
print(decision.accepted, decision.distance, decision.threshold)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from facelite.runtime.verifier import Verifier

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def open(path: str | Path | None = None, /, *, threads: int = 1) -> Verifier:
    """The bundle at ``path``, checked and self-tested, ready to decide. Raises BundleError, SelfTestError.

    None: the one that FACELITE_BUNDLE names, else the installed package's.
    """
    from facelite.bundle import find_bundle
    from facelite.runtime.verifier import open_verifier

    return open_verifier(find_bundle(path), threads=threads)
