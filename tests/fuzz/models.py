"""Models: parts of the released ones with other numbers in them, for the reader and both interpreters, and bundles and liveness tests with them."""

from __future__ import annotations

import struct

import mutate
import numpy as np
from bundles import listed, zipped
from target import Target

from facelite import bundle as bundle_module
from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, MANIFEST, load_bundle, open_bundle
from facelite.errors import FaceliteError


def numbers_of(data):
    """(offset, size) of the numbers in a .tflite file: those that the reader looks at, in tables and in vectors."""
    from facelite.runtime import model as module

    seen, read, array = {}, module._read, module._Table.array

    def spy(content, kind, at):
        seen.setdefault(at, struct.calcsize(kind))
        return read(content, kind, at)

    def spy_on_array(table, field, kind):
        if kind != "<u1":
            size = np.dtype(kind).itemsize
            start, count = table._vector(field, size)
            seen.update((start + i * size, size) for i in range(count))
        return array(table, field, kind)

    module._read, module._Table.array = spy, spy_on_array
    try:
        module.read_model(data)
    finally:
        module._read, module._Table.array = read, array
    return sorted(seen.items())


def mutate_numbers(data, places, random):
    """``data`` with some numbers of ``places`` exchanged for others of the file, moved a little, or at the end of their range."""
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        (at, size), (other, _) = random.choice(places), random.choice(places)
        act = random.random()
        value = int.from_bytes(damaged[at : at + size], "little")
        if act < 0.3:
            value = int.from_bytes(damaged[other : other + size], "little")
        elif act < 0.6:
            value += random.choice((1, -1, 2, -2, 4, -8, value, -2 * value))
        else:
            value = random.choice((*mutate.EXTREMES, -1, -2, 5, 100, 1000, 10**6, random.randrange(300), len(data)))
        damaged[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(damaged)


def cut(data, first, count):
    """A .tflite file of ``count`` operators out of ``data``, from the one at ``first`` on."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
    graph = model.subgraphs[0]
    graph.operators = graph.operators[first : first + count]
    used = sorted({place for one in graph.operators for place in (*one.inputs, *one.outputs) if place >= 0})
    graph.tensors, stored = [graph.tensors[place] for place in used], model.buffers
    constant = [len(values(stored[one.buffer].data)) > 0 for one in graph.tensors]
    model.buffers = [schema.BufferT(), *(stored[one.buffer] for one in graph.tensors)]
    for number, one in enumerate(graph.tensors, start=1):
        one.buffer = number
    for one in graph.operators:
        one.inputs, one.outputs = ([used.index(place) if place >= 0 else place for place in places] for places in (one.inputs, one.outputs))
    made = {place for one in graph.operators for place in one.outputs}
    graph.inputs = [place for place in range(len(used)) if not constant[place] and place not in made]
    graph.outputs = [graph.operators[-1].outputs[0]]
    model.metadata = model.metadataBuffer = model.signatureDefs = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def values(vector):
    return [] if vector is None else vector


class Models(Target):
    """Parts of the released models, each operator in one of them."""

    parts = (
        (EMBEDDER, (0, 2)),
        (EMBEDDER, (3, 1)),
        (EMBEDDER, (4, 6)),
        (EMBEDDER, (14, 2)),
        (EMBEDDER, (34, 4)),
        (DETECTOR, (0, 4)),
        (DETECTOR, (4, 8)),
    )

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        files = open_bundle(bundle).files
        self.models = [cut(files[name], *part) for name, part in self.parts]
        self.models = [(data, numbers_of(data)) for data in self.models]

    def make(self, random):
        data, places = random.choice(self.models)
        if random.random() < 0.85:
            return mutate_numbers(data, places, random)
        return mutate.mutate([data[at : at + 64] for at in range(0, len(data), 64)], random)

    def use(self, data):
        from facelite.runtime.model import read_model

        try:
            read_model(data, foreign=True)
        except FaceliteError:
            foreign = False
        else:
            foreign = True
        model = read_model(data)
        assert foreign, "what is ours is anybody's"
        assert all(one.data is None or one.data.shape == one.shape for one in model.tensors)
        return model


class Reference(Models):
    """The reference interpreter, behind the interface that all runtimes have. It computes in float64, and keeps every tensor."""

    megabytes = 1000
    runtime = "facelite.runtime.reference"

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        from facelite.runtime import interpreter

        self.module = interpreter

    def use(self, data):
        self.module.RUNTIMES = (self.runtime,)
        interpreter = self.module.Interpreter(data)
        (shape, *_), given = (interpreter.input_shape,), interpreter.output_shapes
        outputs = interpreter.run(np.zeros(shape, np.float32))
        assert [one.shape for one in outputs] == list(given)
        return outputs


class LiteRT(Reference):
    """The runtime in C++, which a damaged model can take down."""

    megabytes = 400
    runtime = "ai_edge_litert.interpreter"


class Verifiers(Target):
    """Whole bundles whose hashes fit: models, golden vectors or manifest are damaged, and the self-test has to notice or to do without."""

    megabytes = 600

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        self.files = bundle_module._unzip(bundle.read_bytes())
        self.manifest = self.files.pop(MANIFEST)
        self.places = {name: numbers_of(self.files[name]) for name in (EMBEDDER, DETECTOR)}

    def make(self, random):
        manifest, files = self.manifest, dict(self.files)
        name = random.choice((EMBEDDER, DETECTOR, GOLDEN, GOLDEN, MANIFEST))
        if name == MANIFEST:
            return zipped(files, mutate.mutate_json(manifest, random))
        files[name] = mutate.mutate_json(files[name], random) if name == GOLDEN else mutate_numbers(files[name], self.places[name], random)
        return zipped(files, listed(manifest, files))

    def use(self, data):
        from facelite.runtime.verifier import Verifier

        return Verifier(load_bundle(data))


class LivenessModels(Target):
    """A network as a liveness model, whose outputs are logits, and the file beside it: one of the two is damaged."""

    text = 'live = 1\nlimit = 0.5\ncrop = 2.7\ncolours = "RGB"\nmean = 127.5\nstd = 128.0\nscores = "logits"\nframes = 1\nseconds = 10.0\n'
    words = (*mutate.WORDS, "1e308", "-1e308", "1e38", "1e-38", "1e-320", "127", "128")

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        self.model = open_bundle(bundle).files[EMBEDDER]
        self.places = numbers_of(self.model)

    def make(self, random):
        if random.random() < 0.5:
            return b"T" + mutate.mutate_toml(self.text, random, words=self.words)
        return b"M" + mutate_numbers(self.model, self.places, random)

    def placed(self, data):
        """The path of the model, with the file beside it."""
        self.written(data[1:] if data[:1] == b"T" else self.text.encode(), "live.toml")
        return self.written(data[1:] if data[:1] == b"M" else self.model, "live.tflite")

    def use(self, data):
        from facelite.face import Detection
        from facelite.runtime.liveness import ModelCheck, Sight, open_liveness_model

        model = open_liveness_model(self.placed(data))
        face = Detection(np.array([30.0, 40.0, 20.0, 20.0]), np.zeros((6, 2)), 0.9)
        check = ModelCheck(model, 0.0).after(Sight(np.full((100, 120, 3), 99, np.uint8), face), 0.0)
        assert 0 <= check.value <= 1
        return check
