"""Writes random boxes with pycocotools' verdict on them, for the test of `damage-eval`'s own arithmetic.

    python agree.py > ../../workers/src/evaluation/fixture.json
"""

import contextlib
import io
import json
import random

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CLASSES = 3
PHOTOS = 24


def box(rng):
    width, height = rng.randint(20, 160), rng.randint(20, 160)
    return [rng.randint(0, 600 - width), rng.randint(0, 600 - height), width, height]


def shaken(rng, region):
    return [max(1, value + rng.randint(-12, 12)) for value in region]


def photo(rng):
    truths = [(rng.randrange(CLASSES), box(rng), rng.random() < 0.1) for _ in range(rng.randint(0, 6))]
    found = [(kind, shaken(rng, region)) for kind, region, _ in truths for _ in range(rng.randint(0, 2))]
    found += [(rng.randrange(CLASSES), box(rng)) for _ in range(rng.randint(0, 3))]
    # Two digits, so that some scores are equal.
    return truths, [(kind, region, round(rng.random(), 2)) for kind, region in found]


def verdict(photos):
    annotations, results = [], []
    for number, (truths, found) in enumerate(photos):
        for kind, region, crowd in truths:
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": kind, "bbox": region,
                "area": region[2] * region[3], "iscrowd": int(crowd),
            })
        results += [
            {"image_id": number, "category_id": kind, "bbox": region, "score": score}
            for kind, region, score in sorted(found, key=lambda one: -one[2])
        ]
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in range(len(photos))],
        "categories": [{"id": kind} for kind in range(CLASSES)],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    # overlaps × recalls × classes, all areas, at most 100 boxes
    return evaluation.eval["precision"][:, :, :, 0, 2]


def main():
    rng = random.Random(7)
    photos = [photo(rng) for _ in range(PHOTOS)]
    precision = verdict(photos)
    print(json.dumps({
        "photos": [{"truths": truths, "found": found} for truths, found in photos],
        "ap50": [float(precision[0, :, kind].mean()) for kind in range(CLASSES)],
        "ap": [float(precision[:, :, kind].mean()) for kind in range(CLASSES)],
    }))


if __name__ == "__main__":
    main()
