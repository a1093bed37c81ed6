"""Parts -> one page of HTML that needs nothing else: no script, no request. All text is escaped here, and nowhere else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from string import Template

from facelite.plots import Drawing


class Html(str):
    """Text that is HTML already, and so is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Plate:
    """A drawing, the ``name`` of its files, what it shows (``caption``) and what who cannot see it is told (``alt``)."""

    name: str
    drawing: Drawing
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Section:
    """A title and what stands under it, in that order; plates in a row stand side by side where there is room."""

    title: str
    parts: Sequence[Html | Plate]


def paragraph(text: str, /) -> Html:
    return Html(f"<p>{_escaped(text)}</p>")


def with_ends(value: str, ends: str, /) -> Html:
    """A value and under it, smaller, its interval."""
    return Html(f"{escape(value)}<small>{escape(ends)}</small>")


def lines(*texts: str) -> Html:
    """Texts under each other."""
    return Html("<br>".join(map(escape, texts)))


def inline_image(kind: str, data: bytes, alt: str, /) -> Html:
    """An image inside the page; ``kind`` is "jpeg" or "svg+xml"."""
    return Html(f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{b64encode(data).decode()}">')


def table(label: str, header: Sequence[str], rows: Iterable[Sequence[str]], /) -> Html:
    """A table that scrolls within itself where it is too wide; the first cell of a row names it."""
    head = "".join(f'<th scope="col">{_escaped(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{_escaped(first)}</th>{"".join(f"<td>{_escaped(cell)}</td>" for cell in others)}</tr>' for first, *others in rows
    )
    return Html(
        f'<p class="label">{escape(label)}</p><div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def folded(summary: str, part: Html, /) -> Html:
    """What few readers want: one line until it is opened."""
    return Html(f"<details><summary>{escape(summary)}</summary>{part}</details>")


def definitions(entries: Iterable[tuple[str, str]], /) -> Html:
    return Html(f"<dl>{''.join(f'<dt>{_escaped(term)}</dt><dd>{_escaped(text)}</dd>' for term, text in entries)}</dl>")


def make_page(title: str, /, *, heading: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """The page: title, the result in plain words, a line of links, the sections."""
    return _PAGE.substitute(
        title=escape(title),
        heading=escape(heading),
        style=_STYLE,
        lead="".join(paragraph(text) for text in lead),
        links=" ".join(f'<a href="#s{number}">{escape(section.title)}</a>' for number, section in enumerate(sections)),
        sections="".join(
            f'<section id="s{number}"><h2>{escape(section.title)}</h2>{_laid_out(section.parts)}</section>' for number, section in enumerate(sections)
        ),
    )


def _laid_out(parts: Sequence[Html | Plate]) -> str:
    html = ""
    for plates, some in groupby(parts, lambda part: isinstance(part, Plate)):
        together = "".join(_figure(part) if isinstance(part, Plate) else part for part in some)
        html += f'<div class="plates">{together}</div>' if plates else together
    return html


def _figure(plate: Plate) -> str:
    image = inline_image("svg+xml", plate.drawing.svg, plate.alt)
    return f'<figure id="{escape(plate.name)}">{image}<figcaption>{escape(plate.caption)}</figcaption></figure>'


def _escaped(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #595959; --line: #d4d4d4; --paper: #fff; --band: #f5f5f5; --link: #00558a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --soft: #ababab; --line: #454545; --paper: #191919; --band: #242424; --link: #7cc4f0 }
  figure img { filter: invert(0.9) hue-rotate(180deg) }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  overflow-wrap: anywhere }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem }
h2 { font-size: 1.25rem; margin: 3rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line) }
p, dd { max-width: 46rem; margin: 0.5rem 0 }
.lead p { font-size: 1.15rem }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin-top: 1.5rem }
a { color: var(--link) }
.scroll { overflow-x: auto; margin: 0 0 1.5rem; width: max-content; max-width: 100% }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal }
.label, figcaption { font-size: 0.875rem; color: var(--soft) }
.label { margin: 1rem 0 0.25rem }
th, td { padding: 0.375rem 0.75rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; white-space: nowrap }
th:first-child { text-align: left }
thead th { background: var(--band); vertical-align: bottom }
tbody th { font-weight: 500 }
td small { display: block; color: var(--soft) }
td img { height: 5rem; margin-left: 0.25rem }
.plates { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1.5rem 2rem; margin: 1rem 0 }
figure { margin: 0; max-width: 34rem; break-inside: avoid }
figure img { display: block; width: 100%; height: auto }
summary { cursor: pointer; color: var(--link) }
dt { font-weight: 600; margin-top: 0.75rem }
dd { margin-left: 0 }
@media print {
  :root { font-size: 70% }
  .plates { grid-template-columns: 1fr 1fr }
  h2, .label { break-after: avoid }
  tr, dt { break-inside: avoid }
}
"""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>facelite: $title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$heading</h1>
<div class="lead">$lead</div>
<nav aria-label="Sections">$links</nav>
$sections
</main>
</body>
</html>
""")
