"""The documentation as Sphinx makes it, of what docs/stage.py has laid out. ``make docs`` does both."""

from __future__ import annotations

import re

from facelite.export.host import quiet

with quiet():
    import keras  # noqa: F401 - before the modules that import it are read, so that TensorFlow says nothing

project, author = "facelite", "the authors of facelite"
html_title = project
extensions = ["myst_parser", "sphinx.ext.autodoc"]

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["page.css"]
html_copy_source = html_show_copyright = False
myst_heading_anchors = 3

nitpicky = True
nitpick_ignore_regex = [("py:.*", "(?!facelite).*"), ("py:.*", r".*\.(T|_\w+)")]  # other packages', and what is private
suppress_warnings = ["ref.python"]  # Model is a class of two modules, and a signature names it without its module

autodoc_default_options = {"members": True, "ignore-module-all": True}  # each object once, where it is defined
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries = False


def as_text(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text with ``code`` and indented blocks: what else reST would take for markup means itself."""
    paragraphs = "\n".join(lines).split("\n\n")
    lines[:] = "\n\n".join(f"::\n\n{one}" if one.startswith("    ") else _escaped(one) for one in paragraphs).split("\n")


def _escaped(text: str) -> str:
    pieces = re.split(r"(``.*?``)", text, flags=re.DOTALL)
    return "".join(piece if piece.startswith("``") else re.sub(r"([*|_])", r"\\\1", piece) for piece in pieces)


def short_arrays(
    app: object, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, ...]:
    """NDArray[float32] for what Python makes of it."""
    return tuple(
        part and re.sub(r"~?numpy\.ndarray\[tuple\[[^]]*\], ~?numpy\.dtype\[~?numpy\.(\w+)\]\]", r"NDArray[\1]", part)
        for part in (signature, returns)
    )


def setup(app: object) -> None:
    app.connect("autodoc-process-docstring", as_text)
    app.connect("autodoc-process-signature", short_arrays)
