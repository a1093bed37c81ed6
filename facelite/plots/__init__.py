"""Curves, histograms, dots and maps from plain numbers. matplotlib is imported inside: importing this needs nothing but NumPy."""

from facelite.plots.drawing import COLOURS, GREY, Axis, Dot, Drawing, Line, draw_dots, draw_lines, draw_map, draw_overlap
from facelite.plots.training import PANELS, plot_log

__all__ = [
    "COLOURS",
    "GREY",
    "PANELS",
    "Axis",
    "Dot",
    "Drawing",
    "Line",
    "draw_dots",
    "draw_lines",
    "draw_map",
    "draw_overlap",
    "plot_log",
]
