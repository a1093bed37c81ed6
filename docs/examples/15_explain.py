"""Which parts of two faces made their distance: each is covered, and it is measured again."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pictures import collins, hopper, keep
from PIL import Image

import facelite
from facelite.explain.pair import SHEET, explain_pair

with TemporaryDirectory() as name:
    folder = Path(name)
    for person, picture in (("collins", collins()), ("hopper", hopper())):
        Image.fromarray(picture).save(folder / f"{person}.png")
    verifier = facelite.open("build/nns2-int8.facelite")
    decision, first, second = explain_pair(
        verifier, folder / "collins.png", folder / "hopper.png", folder
    )
    limit = decision.threshold.distance
    print(f"{decision.outcome.value}: distance {decision.distance:.3f}, threshold {limit:.3f}")
    print("covered, the distance changes by   Collins  Hopper")
    for part, change in first.covered.items():
        print(f"  {part:32}{change:+7.3f} {second.covered[part]:+7.3f}")
    with (folder / SHEET).open("rb") as sheet:
        keep(sheet)
