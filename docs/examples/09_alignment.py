"""A face is found, and its eyes, nose and mouth are put where those of all others are."""

import cv2
import numpy as np
from pictures import collins, face, hopper, panels, save

from facelite.preprocess import similarity, template
from facelite.runtime.detector import Detector, find_detector

detector = Detector(find_detector())
turn = cv2.getRotationMatrix2D((256, 256), 20, 0.8)
pictures = {
    "Collins": collins(),
    "the same, turned": cv2.warpAffine(collins(), turn, (512, 512)),
    "Hopper": hopper(),
}

figure, axes = panels(2, 3, width=6.2, height=4.5)
for column, (name, picture) in enumerate(pictures.items()):
    found = detector.detect(picture)[0]
    (a, b, _), _ = similarity(found.landmarks, template(112, 96))
    x, y, wide, high = found.box
    turned, scale = np.degrees(np.arctan2(-b, a)), np.hypot(a, b)
    print(f"{name:17} face of {wide:.0f} x {high:.0f} pixels, score {found.score:.2f}")
    print(f"{'':17} turn by {turned:+.1f} degrees, times {scale:.2f}")
    above, below = axes[column], axes[3 + column]
    above.imshow(picture)
    above.plot([x, x + wide, x + wide, x, x], [y, y, y + high, y + high, y], color="#E69F00")
    above.plot(*found.landmarks.T, "o", color="#56B4E9", markeredgecolor="black")
    above.set_title(name)
    crop = face(picture)
    below.imshow(crop.pixels)
    below.plot(*crop.landmarks.T, "+", color="#56B4E9", markersize=12, markeredgewidth=2)
    for one in (above, below):
        one.set_axis_off()
save(figure)
