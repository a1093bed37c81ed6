"""The seal against its recipe written out with other functions, and against whatever is not what it sealed."""

from __future__ import annotations

import hashlib
import hmac
import json

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from facelite.face import Embedding
from facelite.gallery.seal import Seal, Template, mark

KEY, IDENTITY = bytes(range(32)), bytes(range(100, 116))


def template(subject="Łukasz 李"):
    return Template(subject, Embedding(np.arange(1, 9, dtype=np.float32), "space"), "a" * 64, 1_700_000_000.25)


def seal(*, key=KEY, identity=IDENTITY, space="space"):
    return Seal(key, identity=identity, space=space)


def three_keys():
    """RFC 5869 with SHA-256: extract, then expand to 96 bytes."""
    secret, keys, block = hmac.digest(IDENTITY, KEY, "sha256"), b"", b""
    for i in (1, 2, 3):
        block = hmac.digest(secret, block + b"facelite gallery" + bytes([i]), "sha256")
        keys += block
    return keys[:32], keys[32:64], keys[64:]


def test_a_sealed_template_is_what_the_recipe_says():
    one = template()
    cipher, _, proof = three_keys()
    sealed = seal().close(7, one)
    plain = AESGCM(cipher).decrypt(sealed[:12], sealed[12:], b"facelite gallery 2\0space\0" + (7).to_bytes(8, "little"))
    size = int.from_bytes(plain[:4], "little")
    assert json.loads(plain[4 : 4 + size]) == [one.subject, one.artefact, one.enrolled_at]
    assert plain[4 + size :] == one.embedding.vector.astype("<f4").tobytes()
    assert seal().proof == proof[:16]


def test_the_mac_is_what_the_recipe_says():
    marks = {9: b"n" * 28, 2: b"m" * 28}
    data = b"facelite gallery 2\0space\0" + b"".join(n.to_bytes(8, "little") for n in (5, 10, 2, 2)) + marks[2] + (9).to_bytes(8, "little") + marks[9]
    assert seal().mac(marks, generation=5, next_number=10) == hmac.digest(three_keys()[1], data, hashlib.sha256)


def test_a_template_comes_back_as_it_was_and_no_two_are_sealed_alike():
    one, two = (seal().close(3, template()) for _ in range(2))
    assert not set(zip(range(len(one)), one, strict=True)) >= set(zip(range(len(two)), two, strict=True))
    assert one[:12] != two[:12]
    assert mark(one) != mark(two)
    assert mark(one) == one[:12] + one[-16:]
    for sealed in (one, two):
        found = seal().open(3, sealed)
        assert (found.subject, found.artefact, found.enrolled_at) == ("Łukasz 李", "a" * 64, 1_700_000_000.25)
        np.testing.assert_array_equal(found.embedding.vector, template().embedding.vector)
        assert found.embedding.space == "space"


def test_each_changed_byte_is_refused():
    sealed = seal().close(3, template())
    for place in range(len(sealed)):
        with pytest.raises(ValueError, match="expected template 3 as it was sealed"):
            seal().open(3, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])


@pytest.mark.parametrize("other", [
    seal(key=bytes(32)), seal(identity=bytes(16)), seal(space="spaced"), seal(space="spac"),
])  # fmt: skip
def test_another_key_gallery_and_space_open_nothing(other):
    with pytest.raises(ValueError, match="as it was sealed"):
        other.open(3, seal().close(3, template()))


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(28), bytes(600)])
def test_what_was_never_sealed_is_refused(sealed):
    with pytest.raises(ValueError, match=r"expected template 3|Nonce|must be"):
        seal().open(3, sealed)


def test_a_template_opens_as_no_other_number():
    with pytest.raises(ValueError, match="expected template 4"):
        seal().open(4, seal().close(3, template()))
