"""TFLite metadata in a model: what MediaPipe's tasks and the Task Library must know to feed it and to read it.

The file is not written anew: what is new is put before it, with a root that names the old parts by their places, since offsets in a FlatBuffer only
lead forward. So every weight stays aligned as the converter aligned it. Sources: TensorFlow's schema.fbs (Model, Metadata, Buffer), TFLite Support's
metadata_schema.fbs (ModelMetadata), whose fields are numbered in the order in which they stand there; https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from facelite.errors import ExportError
from facelite.preprocess import Preprocessing

NAME = "TFLITE_METADATA"
"""The entry among a model's metadata that holds a ModelMetadata."""

_ALIGNED = 64
"""What is put before a model is a multiple of so many bytes; converters align weights to 16."""

_BUFFERS, _METADATA, _FIELDS = 4, 6, 8
"""Of Model: fields, and how many there are. The first is its version; all others are offsets."""

_FEATURE, _IMAGE, _NORMALIZATION, _RGB = 1, 2, 1, 1
"""Types in the unions ContentProperties and ProcessUnitOptions, and a ColorSpaceType."""


def add_metadata(model: bytes, preprocessing: Preprocessing, /) -> bytes:
    """The .tflite file as an embedder's that says so: an RGB image, as ``(pixel - mean) / std``, in, a feature vector out.

    Raises ValueError for an order of colours that metadata has no word for, ExportError for a model that has such metadata already.
    """
    if preprocessing.colours != "RGB":
        raise ValueError(f"expected RGB, the one order of colours that metadata knows, got {preprocessing.colours}")
    root = _target(model, 0)
    parts = {number: at for number in range(_FIELDS) if (at := _place(model, root, number))}
    buffers, entries = (_elements(model, _target(model, parts[number])) if number in parts else [] for number in (_BUFFERS, _METADATA))
    if any(_string(model, _target(model, _place(model, entry, 0))) == NAME for entry in entries):
        raise ExportError("expected a model without metadata, got one that has some; export it from its weights")
    head, fields = _Head(), sorted({*parts, _BUFFERS, _METADATA})
    head.add(struct.pack("<I", 0) + model[4:8])
    start = head.table(fields, _FIELDS)
    lists = {_BUFFERS: head.add(bytes(4 * len(buffers) + 8)), _METADATA: head.add(bytes(4 * len(entries) + 8))}
    entry = head.table((0, 1), 2)
    name = head.add(struct.pack("<I", len(NAME)) + NAME.encode() + b"\0")
    buffer = head.table((0,), 1)
    content = _describe(preprocessing)
    head.pad(16, behind=4)
    data = head.add(struct.pack("<I", len(content)) + content)
    head.pad(_ALIGNED)
    old = len(head.data)
    head.point(0, start)
    for i, number in enumerate(fields):
        if number == 0:
            head.set(start + 4, struct.unpack_from("<I", model, parts[0])[0])
        else:
            head.point(start + 4 + 4 * i, lists[number] if number in lists else old + _target(model, parts[number]))
    for place, known, added in ((lists[_BUFFERS], buffers, buffer), (lists[_METADATA], entries, entry)):
        head.set(place, len(known) + 1)
        for i, target in enumerate([*(old + one for one in known), added]):
            head.point(place + 4 + 4 * i, target)
    head.point(entry + 4, name)
    head.set(entry + 8, len(buffers))
    head.point(buffer + 4, data)
    return bytes(head.data) + model


@dataclass(slots=True)
class _Head:
    """What is put before a model, in the order of its places."""

    data: bytearray = field(default_factory=bytearray)

    def add(self, content: bytes) -> int:
        """``content`` at the next multiple of 4; its place."""
        self.pad(4)
        self.data += content
        return len(self.data) - len(content)

    def pad(self, align: int, /, *, behind: int = 0) -> None:
        """Zeros up to a place that is a multiple of ``align`` when ``behind`` bytes more have been added."""
        self.data += bytes((-len(self.data) - behind) % align)

    def table(self, fields: Any, count: int) -> int:
        """A table of ``count`` fields of which ``fields`` are there, 4 bytes each in this order from place + 4 on, empty; its place."""
        offsets = [4 + 4 * list(fields).index(number) if number in fields else 0 for number in range(count)]
        vtable = self.add(struct.pack(f"<{2 + count}H", 4 + 2 * count, 4 + 4 * len(fields), *offsets))
        place = self.add(bytes(4 + 4 * len(fields)))
        struct.pack_into("<i", self.data, place, place - vtable)
        return place

    def set(self, at: int, number: int) -> None:
        struct.pack_into("<I", self.data, at, number)

    def point(self, at: int, target: int) -> None:
        self.set(at, target - at)


def _place(data: bytes, table: int, number: int) -> int:
    """Where a field of a table is; 0 where it is not there."""
    vtable = table - int(struct.unpack_from("<i", data, table)[0])
    size, entry = struct.unpack_from("<H", data, vtable)[0], 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + entry)[0] if entry < size else 0
    return table + offset if offset else 0


def _target(data: bytes, at: int) -> int:
    """Where the offset at ``at`` leads."""
    return at + int(struct.unpack_from("<I", data, at)[0])


def _elements(data: bytes, vector: int) -> list[int]:
    """Where the tables of a vector are."""
    (count,) = struct.unpack_from("<I", data, vector)
    return [_target(data, at) for at in range(vector + 4, vector + 4 + 4 * count, 4)]


def _string(data: bytes, at: int) -> str:
    (length,) = struct.unpack_from("<I", data, at)
    return data[at + 4 : at + 4 + length].decode()


def _describe(preprocessing: Preprocessing) -> bytes:
    """The ModelMetadata."""
    import flatbuffers  # comes with TensorFlow; what is released is exported without

    b = flatbuffers.Builder()
    mean, std = preprocessing.mean, preprocessing.std
    normalization = _table(b, {0: _floats(b, mean), 1: _floats(b, std)})
    image = _table(
        b,
        {
            0: b.CreateString("face crop"),
            1: b.CreateString("One face, aligned by its eyes, nose and mouth."),
            3: _table(b, {1: _table(b, {}, {0: _RGB})}, {0: _IMAGE}),  # Content: ImageProperties
            4: _tables(b, _table(b, {1: normalization}, {0: _NORMALIZATION})),
            5: _table(b, {0: _floats(b, (255 - mean) / std), 1: _floats(b, (0 - mean) / std)}),  # Stats: largest, smallest
        },
    )
    vector = _table(
        b,
        {
            0: b.CreateString("embedding"),
            1: b.CreateString("Not of unit length: divide it by its L2 length."),
            3: _table(b, {1: _table(b, {})}, {0: _FEATURE}),  # Content: FeatureProperties
        },
    )
    graph = _table(b, {2: _tables(b, image), 3: _tables(b, vector)})
    model = {0: b.CreateString("facelite embedder"), 3: _tables(b, graph), 7: b.CreateString("1.0.0")}
    b.Finish(_table(b, model), file_identifier=b"M001")
    return bytes(b.Output())


def _tables(b: Any, table: int) -> int:
    """A vector of one table."""
    b.StartVector(4, 1, 4)
    b.PrependUOffsetTRelative(table)
    return int(b.EndVector())


def _floats(b: Any, value: float) -> int:
    """A vector of one float32."""
    b.StartVector(4, 1, 4)
    b.PrependFloat32(value)
    return int(b.EndVector())


def _table(b: Any, offsets: Mapping[int, int], types: Mapping[int, int] | None = None) -> int:
    """A table of ``offsets`` and of bytes by their fields' numbers."""
    b.StartObject(8)
    for number, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(number, offset, 0)
    for number, value in (types or {}).items():
        b.PrependByteSlot(number, value, 0)
    return int(b.EndObject())
