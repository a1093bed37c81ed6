"""Aligned crop -> embedding, by any TFLite embedder: ours from a bundle, or a bare file to be judged."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from facelite.bundle import EMBEDDER, Bundle
from facelite.errors import BundleError
from facelite.face import Embedding, FaceCrop, Floats
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.interpreter import Interpreter


class Embedder:
    """A TFLite model that maps aligned crops to vectors.

    ``preprocessing`` None reads the input's size from the file and takes (RGB - 127.5) / 128. The layout (colours last or first) and
    the batch are the file's; one fixed above one is filled up with repetitions.
    """

    def __init__(self, model: bytes, /, *, space: str, preprocessing: Preprocessing | None = None, threads: int = 1) -> None:
        self._interpreter = Interpreter(model, threads=threads)
        shape = self._interpreter.input_shape
        self._colours_first = len(shape) == 4 and shape[3] != 3 and shape[1] == 3
        if self._colours_first:
            shape = (shape[0], *shape[2:], 3)
        if len(shape) != 4 or shape[3] != 3:
            raise BundleError(f"expected an embedder of input (batch, height, width, 3) or (batch, 3, height, width), got {shape}; export it so")
        try:
            self.preprocessing = preprocessing or Preprocessing(shape[1], shape[2])
        except ValueError as error:
            raise BundleError(f"expected an embedder of another input: {error}; export it so") from None
        if shape[1:3] != (self.preprocessing.height, self.preprocessing.width):
            raise BundleError(f"expected an embedder of input {self.preprocessing.height} x {self.preprocessing.width}, got {shape}; export it so")
        self.space = space
        self.artefact = hashlib.sha256(model).hexdigest()
        self._batch = shape[0]

    @property
    def takes(self) -> str:
        """The numbers that go in: float32 or int8."""
        return self._interpreter.takes

    @property
    def batch(self) -> int:
        """How many crops go in at once."""
        return self._batch

    @property
    def size(self) -> int:
        """How many numbers an embedding has."""
        return math.prod(self._interpreter.output_shapes[0][1:])

    @classmethod
    def of(cls, bundle: Bundle, /, *, threads: int = 1) -> Embedder:
        """The embedder of a bundle."""
        manifest = bundle.manifest
        embedder = cls(bundle.files[EMBEDDER], space=manifest.space, preprocessing=manifest.preprocessing, threads=threads)
        if (size := embedder.size) != manifest.embedding:
            raise BundleError(f"expected an embedder of {manifest.embedding} numbers, as the manifest says, got {size}; export the bundle again")
        return embedder

    def embed(self, crop: FaceCrop, /) -> Embedding:
        """The embedding of one aligned crop. Raises ValueError for a crop of another size, and what ``unit`` raises."""
        return self.unit(self.vectors([crop])[0])

    def unit(self, vector: Floats, /) -> Embedding:
        """The embedding that a raw output (d,) stands for. Raises BundleError where it has no direction."""
        try:
            return Embedding(vector, self.space)
        except ValueError as error:
            raise BundleError(f"the embedder is broken: {error}; export it again from other weights") from None

    def vectors(self, crops: Sequence[FaceCrop], /) -> Floats:
        """The network's raw outputs (n, d) for n crops, not of unit length."""
        x = np.concatenate([to_input(crop.pixels, self.preprocessing) for crop in crops])
        x = x.transpose(0, 3, 1, 2) if self._colours_first else x
        outputs = []
        for start in range(0, len(x), self._batch):
            part = x[start : start + self._batch]
            filled = part if len(part) == self._batch else np.concatenate([part, np.repeat(part[:1], self._batch - len(part), axis=0)])
            outputs.append(self._interpreter.run(filled)[0].reshape(self._batch, -1)[: len(part)])
        return np.concatenate(outputs)
