"""Lays out what Sphinx reads: the pages, so that their links hold, what the examples made, and the API, a page for each part."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import sys
from pathlib import Path

import facelite

PAGES = ("docs/*.md", "docs/examples/*.py", "README.md", "CHANGELOG.md", "devices/README.md", "devices/*/README.md", "export/*/model-card.md")
"""Those of the repository, in their places; docs/index.md comes to the top."""


def main(source: Path, made: Path) -> None:
    """``made`` is the folder of what the examples printed and drew."""
    shutil.rmtree(source, ignore_errors=True)
    for pattern in PAGES:
        for page in Path().glob(pattern):
            target = source / page
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(page, target)
    (source / "docs/index.md").rename(source / "index.md")
    shutil.copytree(made, source / "docs/made")
    write_api(source / "api")


def write_api(folder: Path) -> None:
    """A page for each subpackage and each module beside them, and one that lists these."""
    folder.mkdir()
    parts = sorted(name for _, name, _ in pkgutil.iter_modules(facelite.__path__, "facelite.") if not name.endswith("__main__"))
    for part in ("facelite", *parts):
        path = getattr(importlib.import_module(part), "__path__", None) if part in parts else None
        modules = [name for _, name, _ in pkgutil.walk_packages(path, f"{part}.")] if path else []
        lines = [part, "=" * len(part), "", f".. automodule:: {part}", ""]
        for module in sorted(modules):
            lines += [module, "-" * len(module), "", f".. automodule:: {module}", ""]
        (folder / f"{part}.rst").write_text("\n".join(lines))
    entries = [f"   {part}" for part in ("facelite", *parts)]
    (folder / "index.rst").write_text("\n".join(["API reference", "=============", "", ".. toctree::", "   :maxdepth: 1", "", *entries, ""]))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
