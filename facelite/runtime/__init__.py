"""The device half: interpreter, detector, embedder, verifier. Needs neither TensorFlow nor Keras."""
