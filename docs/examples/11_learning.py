"""A small network learns to give each of eight drawn people a place of their own."""

import numpy as np
from pictures import COLOURS, panels, save

from facelite.export.host import quiet
from facelite.export.synthetic import draw_face
from facelite.networks import Network, build
from facelite.networks.table import Conv, Flatten

with quiet():
    import keras
    import tensorflow as tf

    from facelite.training.losses import contrastive_loss, distances, pair_masks, triplet_loss, unit

PEOPLE, EACH, STEPS = 8, 4, 250
LOSSES = {
    "pairs (contrastive)": (contrastive_loss, 0.7),
    "triplets (semi-hard)": (triplet_loss, 0.2),
}  # with their margins
ROWS = (
    Conv("conv1", 3, 16, stride=2),
    Conv("conv2", 3, 24, stride=2),
    Conv("conv3", 3, 32, stride=2),
    Flatten("flatten"),
)
rng = np.random.default_rng(1)
drawn = np.stack([draw_face(seed, side=48) for seed in range(PEOPLE)]).astype(np.float32) / 128 - 1


def batch(each):
    """Pictures of everybody (n, 48, 48, 3), shifted, in other light, with noise; and of whom."""
    subjects = np.repeat(np.arange(PEOPLE, dtype=np.int32), each)
    shifted = np.stack([np.roll(drawn[one], rng.integers(-4, 5, 2), (0, 1)) for one in subjects])
    light = rng.uniform(0.5, 1.4, (len(subjects), 1, 1, 1))
    return (shifted * light + rng.normal(0, 0.15, shifted.shape)).astype(np.float32), subjects


def train(loss, margin):
    """The same network from the same start; what it makes of the test pictures before and after."""
    keras.utils.set_random_seed(1)
    model, adam = (
        build(Network("toy", 48, 48, ROWS, embedding=2), keras=keras),
        keras.optimizers.Adam(0.003),
    )

    @tf.function
    def step(pictures, subjects):
        with tf.GradientTape() as tape:
            embeddings = unit(model(pictures, training=True))
            value = loss(
                embeddings, subjects, tf.zeros_like(subjects), anchors=PEOPLE * EACH, margin=margin
            )
        adam.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)

    before = np.array(unit(model(test, training=False)))
    for _ in range(STEPS):
        step(*batch(EACH))
    return before, np.array(unit(model(test, training=False)))


def judge(places):
    d, (same, other) = np.array(distances(places, places)), pair_masks(who, 0 * who, len(who))
    nearest = np.where(np.eye(len(d)), np.inf, d).argmin(axis=1)
    same, other, right = d[same].mean(), d[other].mean(), np.mean(who[nearest] == who)
    return f"{same:13.3f}{other:19.2f}{right:20.0%}"


test, who = batch(12)
found = {}
for title, (loss, margin) in LOSSES.items():
    found["before"], found[title] = train(loss, margin)

print(f"{'mean distance':21}{'one person':>13}{'two people':>19}{'nearest is right':>20}")
for title, places in found.items():
    print(f"{title:21}{judge(places)}")

figure, axes = panels(1, 3, width=9, height=3.2)
spread = 1 + 0.025 * (np.arange(len(who)) % 12)[:, None]  # else they would hide each other
for one, (title, places) in zip(axes, found.items(), strict=True):
    for person in range(PEOPLE):
        one.scatter(
            *(places * spread)[who == person].T,
            s=14,
            color=(*COLOURS, "black", "#888888")[person],
            marker="osD^vP*X"[person],
        )
    one.set(
        title=title,
        xlim=(-1.45, 1.45),
        ylim=(-1.45, 1.45),
        aspect="equal",
        xlabel="first number",
        ylabel="second number",
    )
save(figure)
