"""What trains without a recipe: the default schedule on large sets, smaller batches and enough steps on small ones."""

from __future__ import annotations

import pytest

from facelite.training.recipe import LEAST_STEPS, Schedule, default_recipe


def schedule(pictures, **options):
    return default_recipe("nns2", "mine", pictures=pictures, **options).schedule


@pytest.mark.parametrize("pictures", [13_000, 60_000, 1_000_000])
def test_a_large_set_is_trained_by_the_plain_schedule(pictures):
    assert schedule(pictures) == Schedule() == default_recipe("nns2", "mine").schedule


@pytest.mark.parametrize("pictures", [4, 50, 127, 128, 410, 1023, 1024, 5000, 12_799])
def test_a_small_set_gets_small_batches_and_enough_steps(pictures):
    """The shares of the run that are warm-up, and between two judgements, are those of the plain schedule."""
    chosen, plain = schedule(pictures), Schedule()
    assert chosen.batch == min(256, max(32, pictures // 4))
    assert chosen.labelled % chosen.pictures == 0 and chosen.labelled >= 2 * chosen.pictures
    assert chosen.labelled / chosen.batch == pytest.approx(plain.labelled / plain.batch, rel=0.15)
    assert chosen.steps(pictures) >= LEAST_STEPS > plain.steps(pictures)
    assert chosen.steps(pictures) <= LEAST_STEPS + chosen.steps_an_epoch(pictures)
    assert chosen.warmup / chosen.epochs == pytest.approx(plain.warmup / plain.epochs)
    assert chosen.judge / chosen.epochs == pytest.approx(plain.judge / plain.epochs)


def test_epochs_that_are_asked_for_are_not_stretched():
    chosen = schedule(410, epochs=3.0)
    assert (chosen.epochs, chosen.warmup, chosen.judge, chosen.batch) == (3.0, 0.5, 1.0, 102)


def test_an_epoch_is_as_many_pictures_as_there_are():
    assert Schedule(batch=24, labelled=8).steps_an_epoch(72) == 3 and Schedule(batch=24, labelled=8).steps_an_epoch(20) == 1
    assert Schedule(batch=24, labelled=8, epochs=2.5).steps(72) == 8 and Schedule(epochs=0.001).steps(500) == 1
