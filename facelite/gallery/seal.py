"""Templates encrypted, and a whole gallery vouched for: AES-256-GCM and HMAC-SHA256, by keys of this gallery alone.

Three keys come from the keyring's by HKDF-SHA256 (RFC 5869) with the gallery's identity as salt. A sealed template is

    nonce (12) · ciphertext · tag (16)

of its subject, artefact, time and vector, and opens only as this template of this gallery, space and format. Its mark is nonce and tag: the
gallery's MAC covers the marks of all templates and the generation, so none can be missing, put back or exchanged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facelite.face import Embedding

FORMAT = 2
"""Of the gallery file. Format 1 was not encrypted."""

IDENTITY_BYTES, NONCE_BYTES, TAG_BYTES = 16, 12, 16


@dataclass(frozen=True, slots=True)
class Template:
    """One stored embedding of ``subject``; ``artefact`` is the sha256 of the embedder that made it; time in seconds since 1970."""

    subject: str
    embedding: Embedding
    artefact: str
    enrolled_at: float


class Seal:
    """What seals the gallery of an ``identity`` in a ``space``. ``proof`` (16,) tells the right key from a wrong one."""

    def __init__(self, key: bytes, /, *, identity: bytes, space: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        keys = HKDF(SHA256(), length=96, salt=identity, info=b"facelite gallery").derive(key)
        self.identity, self.space = identity, space
        self._cipher, self._mac_key, self.proof = AESGCM(keys[:32]), keys[32:64], keys[64:80]
        self._about = b"facelite gallery %d\0%s\0" % (FORMAT, space.encode())

    def close(self, number: int, template: Template, /) -> bytes:
        """``template`` sealed as the one of that ``number``."""
        words = json.dumps([template.subject, template.artefact, template.enrolled_at]).encode()
        nonce = os.urandom(NONCE_BYTES)
        data = len(words).to_bytes(4, "little") + words + template.embedding.vector.astype("<f4").tobytes()
        return nonce + self._cipher.encrypt(nonce, data, self._about + number.to_bytes(8, "little"))

    def open(self, number: int, sealed: bytes, /) -> Template:
        """What ``close`` sealed as ``number``. Raises ValueError where it is anything else."""
        from cryptography.exceptions import InvalidTag

        try:
            data = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._about + number.to_bytes(8, "little"))
        except InvalidTag:
            raise ValueError(f"expected template {number} as it was sealed, got another") from None
        end = 4 + int.from_bytes(data[:4], "little")
        subject, artefact, enrolled_at = json.loads(data[4:end])
        return Template(subject, Embedding(np.frombuffer(data[end:], "<f4"), self.space), artefact, enrolled_at)

    def mac(self, marks: Mapping[int, bytes], /, *, generation: int, next_number: int) -> bytes:
        """(32,) of the whole gallery: its templates' ``marks`` by number, the generation, and the number that the next template gets."""
        numbers = b"".join(number.to_bytes(8, "little") for number in (generation, next_number, len(marks)))
        rows = b"".join(number.to_bytes(8, "little") + marks[number] for number in sorted(marks))
        return hmac.new(self._mac_key, self._about + numbers + rows, hashlib.sha256).digest()


def mark(sealed: bytes, /) -> bytes:
    """(28,) nonce and tag of a sealed template."""
    return sealed[:NONCE_BYTES] + sealed[-TAG_BYTES:]
