"""Chooses tiles and thresholds for a trained model, on held-back photos that its figures are not taken from.

    python choose.py --model ../damage.onnx --damaged work/choose/damaged --clean work/choose/clean

Prints what each setting reaches and writes the best into the model's card: of those with at most one
false alarm per three undamaged photos, the one that has the best average precision and finds damage on
most damaged photos. The score from which a box is a finding is then chosen such that there is room on both sides.
"""

import argparse
import contextlib
import io
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

TILES = [None, (0.67, 0.2), (0.5, 0.2), (0.42, 0.2)]
LARGEST = [0.1, 0.15, 0.2, 0.3]
NMS = [0.4, 0.5, 0.6]
# Of scores that are weighed (`weigh.py`). Weaker boxes add next to nothing to an average precision; `damage-eval` counts them.
LEAST = 0.05
# False alarms per undamaged photo: for a finding, and for a box that is kept as evidence.
ALLOWED, KEPT = 1 / 3, 1.0
# The share of damaged photos that must have a finding.
SEEN = 0.9


def starts(length, side, overlap):
    room = max(length - side, 0)
    gaps = int(np.ceil(room / max(side * (1 - overlap), 1)))
    return [room * gap // gaps for gap in range(gaps + 1)] if gaps else [0]


def views(width, height, tiles):
    """Left, top, width, height of each tile, as the worker cuts them."""
    side = round(tiles[0] * max(width, height))
    return [
        (left, top, min(side, width), min(side, height))
        for top in starts(height, side, tiles[1]) for left in starts(width, side, tiles[1])
    ]


class Model:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options)
        self.card = json.loads(path.with_suffix(".json").read_text())
        self.size, parts = self.card["input"]["width"], []
        for stride in self.card["output"]["strides"]:
            line, column = np.mgrid[: self.size // stride, : self.size // stride].reshape(2, -1)
            parts.append(np.stack([column, line, np.full_like(line, stride)], 1))
        self.grid = np.concatenate(parts).astype(np.float32)

    def look(self, picture, view):
        """Boxes of one view as rows: left, top, right, bottom in pixels of the photo, class, score."""
        left, top, width, height = view
        scale = min(self.size / width, self.size / height)
        shape = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = Image.new("RGB", (self.size, self.size), (self.card["input"]["fill"],) * 3)
        canvas.paste(picture.resize(shape, Image.BILINEAR, box=(left, top, left + width, top + height)), (0, 0))
        values = np.asarray(canvas, np.float32) / 255
        values = (values - np.float32(self.card["input"]["mean"])) / np.float32(self.card["input"]["std"])
        rows = self.session.run(None, {self.card["input"]["name"]: values.transpose(2, 0, 1)[None]})[0][0]
        kinds = rows[:, 5:].argmax(1)
        scores = rows[:, 4] * rows[:, 5:].max(1)
        kept = scores >= LEAST
        rows, grid, kinds, scores = rows[kept], self.grid[kept], kinds[kept], scores[kept]
        centre, half = (rows[:, :2] + grid[:, :2]) * grid[:, 2:], np.exp(rows[:, 2:4]) * grid[:, 2:] / 2
        corners = np.concatenate([centre - half, centre + half], 1) / np.float32([*shape, *shape])
        corners = corners.clip(0, 1) * np.float32([width, height] * 2)
        return np.concatenate([corners + np.float32([left, top] * 2), kinds[:, None], scores[:, None]], 1)


def reported(rows, view, size, tiles, largest):
    """What the worker lets a tile report: boxes that are small on it, and not at an edge behind which the photo goes on."""
    side, (left, top, width, height) = tiles[0] * max(size), view
    small = (rows[:, 2:4] - rows[:, :2]).max(1) <= largest * side
    margin = (tiles[1] - largest) / 2 * side
    if margin <= 0:
        return rows[small]
    inside = np.ones(len(rows), bool)
    for low, high, start, end, length in ((0, 2, left, left + width, size[0]), (1, 3, top, top + height, size[1])):
        inside &= (rows[:, low] >= start + margin) | (start == 0)
        inside &= (rows[:, high] <= end - margin) | (end == length)
    return rows[small & inside]


def suppress(rows, threshold):
    rows, kept = rows[np.argsort(-rows[:, 5], kind="stable")][:2000], []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        low, high = np.maximum(best[:2], rows[:, :2]), np.minimum(best[2:4], rows[:, 2:4])
        shared = (high - low).clip(0).prod(1)
        union = (best[2:4] - best[:2]).prod() + (rows[:, 2:4] - rows[:, :2]).prod(1) - shared
        rows = rows[(shared / np.maximum(union, 1e-9) <= threshold) | (rows[:, 4] != best[4])]
    return np.array(kept).reshape(-1, 6)


def ap50(annotations, found):
    """Percent, mean over the classes that occur, and of each class."""
    results = [
        {"image_id": photo, "category_id": int(row[4]), "score": float(row[5]),
         "bbox": [float(row[0]), float(row[1]), float(row[2] - row[0]), float(row[3] - row[1])]}
        for photo, rows in found.items() for row in rows
    ]
    if not results:
        return 0.0, []
    coco = COCO()
    coco.dataset = json.loads(json.dumps(annotations))
    for one in coco.dataset["annotations"]:
        one |= {"iscrowd": 0, "area": one["bbox"][2] * one["bbox"][3]}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    each = [100 * float(one.mean()) for one in evaluation.eval["precision"][0, :, :, 0, 2].T]
    return float(np.mean([one for one in each if one >= 0])), [round(one, 1) for one in each]


def threshold(clean, allowed):
    """The lowest score that raises no more false alarms per undamaged photo."""
    scores = sorted((row[5] for rows in clean for row in rows), reverse=True)
    most = int(allowed * len(clean))
    return float(scores[most]) + 0.001 if len(scores) > most else LEAST


def between(least, damaged):
    """A score as far, by its factor, from the `least` that raises no more false alarms than allowed as from the highest at
    which enough damaged photos have a finding: other photos need room on both sides. The least where it does not reach that far."""
    strongest = sorted((max(rows[:, 5], default=0.0) for rows in damaged), reverse=True)
    most = strongest[int(np.ceil(SEEN * len(strongest))) - 1]
    return float(np.sqrt(least * max(least, most)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--damaged", type=Path, required=True, help="images/ and annotations.json")
    parser.add_argument("--clean", type=Path, required=True, help="images/ without damage")
    parser.add_argument("--keep", action="store_true", help="keep the card's tiles and overlap, and choose scores only")
    options = parser.parse_args()
    model = Model(options.model)
    annotations = json.loads((options.damaged / "annotations.json").read_text())
    marked = {one["image_id"] for one in annotations["annotations"]}
    paths = {one["id"]: options.damaged / "images" / one["file_name"] for one in annotations["images"]}
    pictures = {photo: Image.open(path).convert("RGB") for photo, path in paths.items()}
    clean = [Image.open(path).convert("RGB") for path in sorted((options.clean / "images").iterdir())]

    photos = {**pictures, **{f"clean {place}": picture for place, picture in enumerate(clean)}}
    whole = {photo: model.look(picture, (0, 0, *picture.size)) for photo, picture in photos.items()}
    card, best = model.card, None
    kept = (card["tiles"]["size"], card["tiles"]["overlap"]) if card["tiles"] else None
    for tiles in [kept] if options.keep else TILES:
        closer = {
            photo: [(view, model.look(picture, view)) for view in views(*picture.size, tiles)]
            for photo, picture in photos.items()
        } if tiles else {}
        for largest in [card["tiles"]["largest"]] if tiles and options.keep else LARGEST if tiles else [1.0]:
            raw = dict(whole)
            for photo, looks in closer.items():
                small = [reported(rows, view, photos[photo].size, tiles, largest) for view, rows in looks]
                raw[photo] = np.concatenate([whole[photo], *small])
            for nms in [card["thresholds"]["nms"]] if options.keep else NMS:
                found = {photo: suppress(rows, nms) for photo, rows in raw.items()}
                alarms = [found[photo] for photo in found if photo not in pictures]
                least, low = threshold(alarms, ALLOWED), threshold(alarms, KEPT)
                score = between(least, [found[photo] for photo in marked])
                recall = np.mean([(found[photo][:, 5] >= least).any() for photo in marked])
                average, each = ap50(annotations, {photo: found[photo] for photo in pictures})
                print(
                    f"tiles {tiles} up to {largest}, nms {nms}: AP50 {average:.1f} {each}, "
                    f"photo recall {recall:.3f} from score {least:.3f} (chosen {score:.3f}, low {low:.3f})", flush=True,
                )
                rank = average / 100 + recall
                if best is None or rank > best[0]:
                    shown = {"size": tiles[0], "overlap": tiles[1], "largest": largest} if tiles else None
                    best = rank, shown, {"low": low, "score": score, "nms": nms}
    _, tiles, thresholds = best
    model.card["thresholds"] = {name: round(value, 3) for name, value in thresholds.items()}
    model.card["tiles"] = tiles
    options.model.with_suffix(".json").write_text(json.dumps(model.card, indent=2) + "\n")
    print(f"chosen: tiles {tiles}, {model.card['thresholds']}")


if __name__ == "__main__":
    main()
