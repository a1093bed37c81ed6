"""Curves, histograms, dots and maps from plain numbers. matplotlib is imported inside: importing this needs nothing but NumPy."""

from facelite.plots.drawing import COLOURS, GREY, Axis, Dot, Drawing, Line, draw_dots, draw_lines, draw_map, draw_overlap
from facelite.plots.pareto import Point, draw_pareto
from facelite.plots.training import PANELS, plot_log

__all__ = [
    "COLOURS",
    "GREY",
    "PANELS",
    "Axis",
    "Dot",
    "Drawing",
    "Line",
    "Point",
    "draw_dots",
    "draw_lines",
    "draw_map",
    "draw_overlap",
    "draw_pareto",
    "plot_log",
]
