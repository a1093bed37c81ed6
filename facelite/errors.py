"""Every error that facelite raises on purpose, with the exit status it ends a command with.

    FaceliteError              4  refused to work; the message says what was expected, what came, what to do
    ├── InputError             2  something the user handed over cannot be read
    │   ├── ImageError         2  not a picture, truncated, or too large
    │   └── RecipeError        2  a recipe with an unknown key or an impossible value
    ├── BundleError            4  a bundle, or a file in it, is missing, damaged or of another version
    │   └── SelfTestError      4  this runtime does not reproduce the bundle's golden vectors
    ├── GalleryError           4  a gallery that cannot be opened, or does not hold what was asked for
    │   ├── KeyMismatch        4  the keyring's key is not the one that the gallery was made with
    │   ├── GalleryAltered     4  templates were edited, removed, put back or exchanged without the key
    │   └── GalleryRolledBack  4  the file is not the one that was last written, but an earlier or another copy
    ├── SpaceMismatch          4  embeddings of two spaces were about to be compared
    ├── UnsupportedRate        4  an error rate was asked for that the measured counts cannot support
    ├── ExportError            4  conversion, parity or self-test failed; nothing was written
    │   └── BudgetBroken       1  the artefact is farther from float32 than the recipe allows; nothing was written
    └── TrainingCollapsed      4  the network maps every face to one point

Misuse by a programmer stays ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations


class FaceliteError(Exception):
    """Base of all errors that carry a remedy for the user."""

    exit_status = 4


class InputError(FaceliteError):
    """Something the user handed over cannot be used."""

    exit_status = 2


class ImageError(InputError):
    """A file that is not a picture facelite reads."""


class RecipeError(InputError):
    """A recipe with an unknown key, a missing key or an impossible value."""


class BundleError(FaceliteError):
    """A bundle that is missing, damaged, edited or of another format version."""


class SelfTestError(BundleError):
    """The runtime of this machine does not reproduce the bundle's golden vectors."""


class GalleryError(FaceliteError):
    """A gallery that cannot be opened or does not hold what was asked for."""


class KeyMismatch(GalleryError):
    """The key is not the one that the gallery was made with."""


class GalleryAltered(GalleryError):
    """The gallery holds other templates than its last change has left there."""


class GalleryRolledBack(GalleryError):
    """The gallery is an earlier or another copy of what was last written."""


class SpaceMismatch(FaceliteError):
    """Embeddings of two embedding spaces cannot be compared."""


class UnsupportedRate(FaceliteError):
    """The number of measured comparisons cannot support the wanted error rate. ``photographs``: with so many of a subject it would be supported."""

    def __init__(self, message: str, /, *, photographs: int = 0) -> None:
        super().__init__(message)
        self.photographs = photographs


class ExportError(FaceliteError):
    """Conversion, parity or self-test failed."""


class BudgetBroken(ExportError):
    """The artefact is farther from float32 than the recipe allows."""

    exit_status = 1


class TrainingCollapsed(FaceliteError):
    """The embedding has become (nearly) constant."""
