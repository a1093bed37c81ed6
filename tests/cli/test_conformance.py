"""The command that writes conformance vectors."""

from __future__ import annotations

import json


def test_it_writes_two_files_and_counts_their_cases(facelite, bundle_file, tmp_path):
    result = facelite("conformance", bundle_file, tmp_path / "new/vectors", "--json")
    assert (result.status, result.err) == (0, "")
    table = json.loads((tmp_path / "new/vectors/vectors.json").read_text())
    assert result.json["cases"] == {name: len(cases) for name, cases in table["stages"].items()}
    assert result.json["digest"] == table["bundle"]["digest"]
    assert result.json["bytes"] == sum(path.stat().st_size for path in (tmp_path / "new/vectors").iterdir())
    lines = facelite("conformance", bundle_file, tmp_path / "new/vectors").out.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == list(table["stages"])
    assert lines[-1].startswith(f"{tmp_path / 'new/vectors/vectors.json'} and vectors.bin: ")


def test_what_is_no_bundle_is_refused(refused, photos, tmp_path):
    refused(4, "conformance", photos / "text.jpg", tmp_path / "vectors", match="expected a bundle, got a damaged or foreign file")
    refused(4, "conformance", tmp_path / "none.facelite", tmp_path / "vectors", match="expected a bundle, got No such file")
