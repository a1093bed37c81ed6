"""Judging embedders on pictures of people they have not seen. Imports neither TensorFlow nor Keras until a Keras model is judged."""
