"""Damage of a kind, drawn by a seed: bytes and numbers, the parts of a format, values of JSON and of text.

A format's checksums are mended afterwards where it has some, so that the damage gets past them.
"""

from __future__ import annotations

import json
import struct
import zlib
from copy import deepcopy

EXTREMES = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    4095,
    32767,
    32768,
    65535,
    65536,
    2**24,
    2**28,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
)

VALUES = (
    *(None, True, False, 0, 1, -1, 2, 3, 5, 32, 255, 65536, 2**31, 2**63, 2**64, -(2**63), 10**400),
    *(0.0, -0.0, 0.5, 1.0, 1e-3, 1e-320, 1e-45, 1e39, 1.7e308, -1e308, float("nan"), float("inf"), float("-inf")),
    *("", " ", "\0", "\n", "a", "ä", "\ud800", "\udcff", "\x1b[2J", "nan", "squared-l2", "siamese", "x" * 70_000, "../x", "/", "=", "AAAA"),
    *([], [[]], [0], [1, 3], [[[[0]]]], {}, {"": 0}, {"a": {"b": []}}, [None] * 1000),
)
"""What JSON can say, and no schema expects."""


def mutate(parts, random):
    """``parts`` of a file, some of them damaged, doubled, moved or left out, as one."""
    parts = list(parts)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        at = random.randrange(len(parts)) if parts else 0
        act = random.random()
        if not parts or act < 0.72:
            parts[at : at + 1] = [mutate_bytes(parts[at] if parts else b"", random)]
        elif act < 0.79:
            del parts[at]
        elif act < 0.86:
            parts.insert(random.randrange(len(parts) + 1), parts[at])
        elif act < 0.93:
            other = random.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        else:
            parts[at : at + 1] = [parts[at]] * random.choice((2, 10, 300))
    whole = b"".join(parts)
    if random.random() < 0.06:
        whole = whole[: random.randrange(len(whole) + 1)]
    return whole


def mutate_bytes(data, random):
    """``data`` with one change: a bit, a byte, a number at the end of its range, or a run left out, put in, doubled or exchanged."""
    act, size = random.random(), len(data)
    if not size or act < 0.06:
        at = random.randrange(size + 1)
        return data[:at] + random.randbytes(random.choice((1, 2, 4, 16, 300))) + data[at:]
    at = random.randrange(min(size, random.choice((32, 256, size))))  # headers stand in front
    if act < 0.3:
        return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
    if act < 0.48:
        return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    if act < 0.75:
        length = random.choice((1, 2, 4, 4, 8))
        number = random.choice((*EXTREMES, size, size - 1, size + 1, random.randrange(size + 1), random.getrandbits(64))) % (1 << 8 * length)
        return data[:at] + number.to_bytes(length, random.choice(("little", "big"))) + data[at + length :]
    end = min(size, at + random.choice((1, 2, 4, 8, 64, size)))
    if act < 0.83:
        return data[:at] + data[end:]
    if act < 0.9:
        return data[:end] + data[at:]
    if act < 0.95:
        return data[:at] + bytes([random.choice((0, 255, random.randrange(256)))]) * (end - at) + data[end:]
    other = random.randrange(size)
    return data[:at] + data[other : other + end - at] + data[end:]


# pictures


def split_picture(data):
    """The chunks of a PNG or WebP, the segments of a JPEG, header and pixels of a BMP."""
    if data.startswith(b"\x89PNG"):
        return [data[:8], *_chunks(data, 8, ">I", extra=12, before=0)]
    if data.startswith(b"RIFF"):
        return [data[:12], *_chunks(data, 12, "<I", extra=8, before=4)]
    if data.startswith(b"BM"):
        return [data[:14], data[14:54], data[54:]]
    parts, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at:end])
        at = end
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return [*parts, data[at:end], data[end:-2], data[-2:]]


def _chunks(data, at, kind, *, extra, before):
    while at < len(data):
        end = at + extra + struct.unpack_from(kind, data, at + before)[0]
        end += end & 1 if before else 0
        yield data[at:end]
        at = end


def mend_png(data):
    """A damaged PNG that passes for a whole one: the length of its last chunk, and every checksum."""
    mended, at = data[:8], 8
    while at + 12 <= len(data):
        body = data[at + 4 : min(at + 8 + int.from_bytes(data[at : at + 4], "big"), len(data) - 4)]
        mended += struct.pack(">I", max(len(body) - 4, 0)) + body + struct.pack(">I", zlib.crc32(body))
        at += 8 + len(body)
    return mended


def mend_riff(data):
    """A damaged WebP whose length is right."""
    return data[:4] + struct.pack("<I", max(len(data) - 8, 0)) + data[8:]


def with_exif(data, random):
    """A JPEG with an EXIF segment: an orientation, of any number and type, and a damaged directory now and then."""
    tag, kind, count, value = 0x0112, random.choice((1, 3, 3, 3, 4, 9, 255)), random.choice((0, 1, 1, 1, 2**31)), random.choice((*range(10), 65535))
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", random.choice((1, 1, 1, 0, 65535)), tag, kind, count, value, random.choice((0, 8, 2**32 - 1)))
    if random.random() < 0.5:
        tiff = mutate_bytes(tiff, random)
    segment = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    return data[:2] + segment + data[2:]


# JSON, lines of text


def mutate_json(data, random):
    """JSON with a value exchanged, left out, doubled or moved; now and then with damaged bytes in its place."""
    if random.random() < 0.1:
        return mutate_bytes(data, random)
    if random.random() < 0.02:
        return random.choice((b"", b"null", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b"\xff\xfe", b"[1e999]"))
    tree = {"": json.loads(data)}
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = list(_places(tree))
        (parent, key), (other, another) = random.choice(places), random.choice(places)
        act = random.random()
        if act < 0.6:
            parent[key] = deepcopy(random.choice(VALUES))
        elif act < 0.7 and parent is not tree:
            del parent[key]
        elif act < 0.8 and isinstance(parent, list):
            parent[key:key] = [parent[key]] * random.choice((1, 2, 50))
        elif act < 0.9 and isinstance(parent[key], (int, float)) and abs(parent[key]) < 1e300:
            parent[key] = parent[key] * random.choice((-1, 0.5, 2, 1000)) + random.choice((0, 1, -1))
        else:
            parent[key] = deepcopy(other[another])
    return json.dumps(tree[""]).encode()


def _places(tree):
    """(container, key) of every value below ``tree``, but of long lists only the first and last few."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys if len(keys) < 12 else (*keys[:4], *keys[-2:]):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from _places(tree[key])


WORDS = (
    *(
        "",
        "0",
        "1",
        "-1",
        "1.5",
        "1e400",
        "nan",
        "-inf",
        "9" * 5000,
        "99999999",
        "0x10",
        "1_0",
        "true",
        "false",
        '""',
        '"x"',
        "'",
        '"',
        "\\",
        "\0",
        "\r",
    ),
    *("[]", "{}", "[" * 3000, "{a=" * 3000, "[[1]]", '["x"]', '[""]', "{ x = 1 }", "1979-05-27", "07:32:00", '"""', '"\\u0000"', '"\\ud800"'),
    *("ä", "\ud800", "\ufeff", "\u2028", "\x1c", "٣", "²", "x" * 140_000, ",", ",,,", "=", "/", "../x", "C:\\x", "a/b.jpg", " ", "\t"),
)
"""What stands in the place of a value of TOML, of a number or of a name."""


def mutate_text(text, random, *, words=WORDS):
    """Lines with values exchanged, and with lines left out, doubled and moved, in UTF-8 or what is left of it."""
    lines = text.split("\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(lines)) if lines else 0
        act = random.random()
        if not lines or act < 0.1:
            lines.insert(at, random.choice(words))
        elif act < 0.2:
            del lines[at]
        elif act < 0.3:
            lines.insert(random.randrange(len(lines) + 1), lines[at])
        else:
            mark = random.choice([one for one in ("=", ",", "\t", " ") if one in lines[at]] or ["\t"])
            cells = lines[at].split(mark)
            cells[random.randrange(len(cells))] = random.choice((*words, *random.choice(lines or [""]).split(mark)))
            lines[at : at + 1] = [mark.join(cells)]
    data = "\n".join(lines).encode(errors="surrogatepass")
    return mutate_bytes(data, random) if random.random() < 0.1 else data


def mutate_toml(text, random, *, words=WORDS):
    """Lines ``key = value`` of which one has a value of another kind, or that of another key; half of the time ``text`` as ``mutate_text`` has it."""
    lines = text.split("\n")
    keys = [at for at, line in enumerate(lines) if " = " in line]
    if random.random() < 0.5 or not keys:
        return mutate_text(text, random, words=words)
    at, other = random.choice(keys), random.choice(keys)
    value = random.choice((*words, lines[other].partition(" = ")[2]))
    lines[at] = f"{lines[at].partition(' = ')[0]} = {value}"
    return "\n".join(lines).encode(errors="surrogatepass")
