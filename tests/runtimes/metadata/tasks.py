"""MediaPipe's ImageEmbedder: tasks.py MODEL CROP.npy prints the embedding, as JSON."""

import json
import sys

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageEmbedder, ImageEmbedderOptions

model, crop = sys.argv[1:]
with ImageEmbedder.create_from_options(ImageEmbedderOptions(base_options=BaseOptions(model_asset_path=model), l2_normalize=True)) as embedder:
    made = embedder.embed(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.load(crop)))
print(json.dumps({"embedding": np.asarray(made.embeddings[0].embedding, float).tolist()}))  # noqa: T201
