"""Keeps TensorFlow's C++ lines out of the tests' output: must be set before it is imported."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
