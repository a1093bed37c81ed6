"""MediaPipe's older Task Library (tflite-support): task_library.py MODEL CROP.npy prints what the metadata says and the embedding, as JSON."""

import json
import sys

import numpy as np
from tflite_support import metadata
from tflite_support.task import core, processor, vision

model, crop = sys.argv[1:]
options = vision.ImageEmbedderOptions(core.BaseOptions(file_name=model), processor.EmbeddingOptions(l2_normalize=True))
made = vision.ImageEmbedder.create_from_options(options).embed(vision.TensorImage.create_from_array(np.load(crop)))
said = json.loads(metadata.MetadataDisplayer.with_model_file(model).get_metadata_json())
print(json.dumps({"said": said, "embedding": np.array(made.embeddings[0].feature_vector.value, float).tolist()}))  # noqa: T201
