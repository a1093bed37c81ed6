"""Quantisation-aware training, pruning and clustering by tfmot; the only folder that names it."""
