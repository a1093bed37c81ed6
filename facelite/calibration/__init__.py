"""Distances of people who were held out -> error rates with their intervals, and thresholds that carry them. NumPy only."""

from facelite.calibration.bootstrap import RULE_OF_THREE, Interval, differences, draw_people, intervals, middle, widened
from facelite.calibration.comparisons import BEYOND, STEPS, Comparisons, compare_all, compare_list, count_people_pairs, on_grid
from facelite.calibration.rates import Rates, rates
from facelite.calibration.thresholds import FMRS, calibrate, calibrate_fused, check_supported, supported, supported_fmrs

__all__ = [
    "BEYOND",
    "FMRS",
    "RULE_OF_THREE",
    "STEPS",
    "Comparisons",
    "Interval",
    "Rates",
    "calibrate",
    "calibrate_fused",
    "check_supported",
    "compare_all",
    "compare_list",
    "count_people_pairs",
    "differences",
    "draw_people",
    "intervals",
    "middle",
    "on_grid",
    "rates",
    "supported",
    "supported_fmrs",
    "widened",
]
