"""Each picture of a face becomes 128 numbers, and two pictures a distance."""

import cv2
import numpy as np
from pictures import collins, hopper, panels, save

import facelite

VIEWS = {
    "as it is": lambda picture: picture,
    "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    "half as bright": lambda picture: (0.5 * picture).astype(np.uint8),
    "blurred": lambda picture: cv2.GaussianBlur(picture, (0, 0), 2.5),
}
verifier = facelite.open("build/nns2-int8.facelite")
threshold = verifier.manifest.threshold(1e-3).distance
names, embeddings = [], []
for person, picture in (("Collins", collins()), ("Hopper", hopper())):
    for view, change in VIEWS.items():
        names.append(f"{person}, {view}")
        embeddings.append(verifier.look(change(picture)).embedding)
print(
    "an embedding:",
    np.array2string(embeddings[0].vector[:6], precision=3),
    f"... {embeddings[0].vector.size} numbers",
)

table = np.array([[a.distance(b) for b in embeddings] for a in embeddings])
same = np.array([[a[:4] == b[:4] for b in names] for a in names]) & ~np.eye(8, dtype=bool)
other = np.array([[a[:4] != b[:4] for b in names] for a in names])
for what, pairs in (("one person", table[same]), ("two people", table[other])):
    print(f"{what}: distances from {pairs.min():.2f} to {pairs.max():.2f}")
print(f"threshold for a false match rate of one in a thousand: {threshold:.2f}")

figure, (axes,) = panels(1, 1, width=6.5, height=4.6)
shown = axes.imshow(table, cmap="cividis_r", vmin=0, vmax=2)
for row, column in np.ndindex(table.shape):
    axes.text(
        column,
        row,
        f"{table[row, column]:.2f}",
        ha="center",
        va="center",
        fontsize=8,
        color="white" if table[row, column] > 1 else "black",
    )
axes.set_xticks(range(8), names, rotation=40, ha="right", fontsize=9)
axes.set_yticks(range(8), names, fontsize=9)
axes.grid(visible=False)
figure.colorbar(shown, label="distance (squared L2)")
save(figure)
