"""Trains the detector that tells whether a photo shows a car at all: `python car.py --data DIR`.

It starts from YOLOX-nano on COCO and keeps most of it: only the heads learn, with one class instead of eighty.
Writes `models/car.onnx` and `models/car.json`, and prints what the threshold reaches on photos of other cars.
"""

import argparse
import datetime
import hashlib
import io
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from choose import Model
from data import FILL, MEAN, STD, TWINS, Photo, batch, mirrored, normalised, one_of_each, read_coco, relit, shown, split, target
from loss import loss
from network import STRIDES, Detector, Exported, boxes, cells, load_onnx
from train import Average, rate

HERE = Path(__file__).resolve().parent
SIZE = 416
# COCO's classes that are a car to a renter: car, bus, truck. Vans are called any of them.
KINDS = [2, 5, 7]
# From which score on what COCO's network sees beside the marked car is left out instead of taught to be no car.
OTHER = 0.1
# The share of views of pictures without a car; of the rest, the shares that show a part of the car, or its surroundings.
WITHOUT = 0.3
NEAR, EMPTY = 0.4, 0.2
# How many car photos may be called none, of all the ways in which they are shown.
MISSED = 1 / 200
# Weaker boxes say nothing.
LOW = 0.01

# Which photos of lensor, in the order of their names and one of each, show a whole car, and which show most of
# one from near by. The rest are pictures of single parts. Told apart by eye.
WHOLE = (
    "3,8,11-12,14,16,22-27,29-33,35-39,44,47-51,53-55,60,66,68-71,73,75,83,92-96,99-101,104,107,111,113,116,119,123-124,130,"
    "139,146,155,159,161,212,329-341,343-344,347-394,396,398-406,408-435,437-459"
)
CLOSE = "1,6,13,18,21,28,40-41,45,52,59,61,63,67,85,88,98,102-103,105-106,112,117,125-127,135,145,158,317,325,328,342,395,397,407,436"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with damage/lensor, damage/car-parts and models")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="where car.onnx and car.json go")
    parser.add_argument("--without", type=Path, action="append", default=[], help="folder of pictures without a car, to learn from")
    parser.add_argument("--check", type=Path, action="append", default=[], help="folder of other pictures without a car, to count the warnings on")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.0003)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def opened(photo):
    return Image.open(photo.path).convert("RGB")


def read_without(folder):
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    return [Photo(path, path.stem) for path in paths]


def numbers(text):
    """`"3,7-9"` as 3, 7, 8, 9."""
    ends = [[int(end) for end in part.split("-")] for part in text.split(",") if part]
    return [number for one in ends for number in range(one[0], one[-1] + 1)]


def read_cars(folder):
    """Photos of whole cars with one box each: the hull of the marked parts."""
    photos = read_coco(folder, undamaged=True)
    coco = json.loads((Path(folder) / "annotations.json").read_text())
    names, hulls = {one["id"]: one["file_name"] for one in coco["images"]}, {}
    for one in coco["annotations"]:
        left, top, width, height = one["bbox"]
        box, before = (left, top, left + width, top + height), hulls.get(names[one["image_id"]])
        hulls[names[one["image_id"]]] = box if before is None else (*map(min, before[:2], box[:2]), *map(max, before[2:], box[2:]))
    for photo in photos:
        photo.boxes = [(*hulls[photo.path.name], 0)] if photo.path.name in hulls else []
    return [photo for photo in photos if photo.boxes]


def started(path):
    """COCO's network, and ours: the same, but for one class that begins as the mean of the three."""
    coco, ours = load_onnx(path, 80), load_onnx(path, 1)
    for theirs, mine in zip(coco.heads, ours.heads):
        mine.classify.weight.data.copy_(theirs.classify.weight.data[KINDS].mean(0, keepdim=True))
        mine.classify.bias.data.copy_(theirs.classify.bias.data[KINDS].mean(0, keepdim=True))
    return coco.eval(), ours.eval()


@torch.no_grad()
def mark_others(coco, photos, grid):
    """Marks further cars in the background, so that they are not judged: nobody has drawn their boxes."""
    for photo in photos:
        picture = Image.open(photo.path).convert("RGB")
        side = max(picture.size)
        canvas, _ = shown(picture, Photo(photo.path, photo.car), (0, 0, side), SIZE)
        answer = coco(normalised(torch.from_numpy(np.asarray(canvas).transpose(2, 0, 1).copy())[None]))[0]
        scores = answer[:, 4].sigmoid() * answer[:, [5 + kind for kind in KINDS]].sigmoid().amax(1)
        left, top, right, bottom, _ = photo.boxes[0]
        for x, y, width, height in (boxes(answer, grid)[scores > OTHER] * side / SIZE).tolist():
            if not (left <= x <= right and top <= y <= bottom):
                photo.boxes.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2, -1))


def packed(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def dark(picture, light, noise, seed):
    """With so much of the light, and the noise that a phone then adds."""
    values = 255 * (light * (np.asarray(picture, np.float32) / 255) ** 2.2) ** (1 / 2.2)
    values += np.random.default_rng(seed).normal(0, noise, values.shape)
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def blurred(picture, share):
    return picture.filter(ImageFilter.GaussianBlur(share * max(picture.size)))


def turned(picture, found):
    """By a quarter to the left."""
    width = picture.width
    return picture.transpose(Image.ROTATE_90), [(top, width - right, bottom, width - left, kind) for left, top, right, bottom, kind in found]


def trimmed(rng, picture, found):
    """Cut to the shape of a phone's photo: the marked photos are square, and what fills the rest must not tell them apart."""
    least = [rng.uniform(0.55, 1) * side for side in picture.size]
    if found:
        # Whole cars stay whole.
        least = [min(max(least[axis], found[0][2 + axis] - found[0][axis]), picture.size[axis]) for axis in (0, 1)]
    axis = rng.randrange(2)
    room, cut = picture.size[axis] - least[axis], [0, 0]
    low, high = (found[0][2 + axis] - least[axis], found[0][axis]) if found else (0, room)
    cut[axis] = rng.uniform(max(low, 0), max(min(high, room), 0))
    right, bottom = (cut[one] + least[one] if one == axis else picture.size[one] for one in (0, 1))
    x, y = cut
    picture = picture.crop((round(x), round(y), round(right), round(bottom)))
    return picture, [(left - x, top - y, far - x, low - y, kind) for left, top, far, low, kind in found]


def worn(rng, picture):
    """As phones take photos in a hurry: dark, shaken, small."""
    kind = rng.random()
    if kind < 0.2:
        picture = dark(picture, 10 ** rng.uniform(-1.8, -0.5), rng.uniform(1, 7), rng.getrandbits(32))
    elif kind < 0.35:
        picture = blurred(picture, rng.uniform(0.002, 0.012))
    elif kind < 0.5:
        less = rng.uniform(0.4, 1)
        small = picture.resize((round(picture.width * less), round(picture.height * less)), Image.BILINEAR)
        picture = packed(small, rng.randint(8, 40)).resize(picture.size, Image.BILINEAR)
    return picture


def clear(found, x, y, side):
    """Whether a square shows no car."""
    return all(x + side < left or x > right or y + side < top or y > bottom for left, top, right, bottom, _ in found)


def anywhere(rng, picture, side):
    return rng.uniform(0, max(picture.width - side, 0)), rng.uniform(0, max(picture.height - side, 0))


class Views(torch.utils.data.Dataset):
    """Random views of the photos; the same seed gives the same."""

    def __init__(self, cars, without, seed, count):
        self.seed, self.count = seed, count
        self.cars = [(opened(photo), photo.boxes) for photo in cars]
        self.without = [[(opened(photo), []) for photo in photos] for photos in without]

    def __len__(self):
        return self.count

    def part(self, rng, picture, found):
        """Left, top and side of what is shown."""
        longer, kind = max(picture.size), rng.random()
        if not found:
            side = longer * (rng.uniform(1, 1.3) if kind < 0.5 else rng.uniform(0.4, 1))
            return *anywhere(rng, picture, side), side
        left, top, right, bottom, _ = found[0]
        for _ in range(40):
            if kind < NEAR:
                side = max(right - left, bottom - top) * rng.uniform(0.45, 1)
                x, y = anywhere(rng, picture, side)
                across, down = min(right, x + side) - max(left, x), min(bottom, y + side) - max(top, y)
                if min(across, down) > 0 and across * down > 0.35 * (right - left) * (bottom - top):
                    return x, y, side
            elif kind < NEAR + EMPTY:
                side = longer * rng.uniform(0.12, 0.5)
                x, y = anywhere(rng, picture, side)
                if clear(found, x, y, side):
                    return x, y, side
        return 0, 0, longer * rng.uniform(1, 1.3)

    def __getitem__(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        pictures = rng.choice(self.without) if self.without and rng.random() < WITHOUT else self.cars
        picture, found = rng.choice(pictures)
        if rng.random() < 0.7:
            picture, found = trimmed(rng, picture, found)
        for _ in range(rng.choices(range(4), (5, 2, 1, 2))[0]):
            picture, found = turned(picture, found)
        if rng.random() < 0.5:
            picture, found = mirrored(picture, found)
        x, y, side = self.part(rng, picture, found)
        picture = picture.crop((round(x), round(y), round(min(x + side, picture.width)), round(min(y + side, picture.height))))
        found = [(left - x, top - y, right - x, bottom - y, kind) for left, top, right, bottom, kind in found]
        # The filling around a photo stays the worker's grey, whatever the light.
        picture = worn(rng, relit(rng, picture))
        canvas, found = shown(picture, Photo("", "", found), (0, 0, side), SIZE, 1.2 ** rng.uniform(-1, 1))
        return torch.from_numpy(np.asarray(canvas).transpose(2, 0, 1).copy()), target(found)


def taught(detector, views, options, grid):
    """Teaches the heads; what finds edges, wheels and shapes stays as COCO taught it."""
    for module in detector.modules():
        if hasattr(module, "folded"):
            module.folded = True
    detector.requires_grad_(False)
    detector.heads.requires_grad_(True)
    optimizer = torch.optim.AdamW(detector.heads.parameters(), options.rate, weight_decay=0.0)
    average, sums, began = Average(detector), {}, time.time()
    for step, (pictures, targets) in enumerate(torch.utils.data.DataLoader(views, options.batch, collate_fn=batch)):
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate(step, step / options.steps)
        with torch.no_grad():
            levels = detector.neck(*detector.backbone(normalised(pictures)))
        answers = torch.cat([head(level).flatten(2) for head, level in zip(detector.heads, levels)], 2).transpose(1, 2)
        total, parts = loss(answers, grid, targets)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(detector.heads.parameters(), 10)
        optimizer.step()
        average.update(detector)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0) + value / 20
        if step % 20 == 19:
            print(f"step {step + 1}/{options.steps}, {time.time() - began:.0f} s: " + ", ".join(f"{name} {value:.3f}" for name, value in sums.items()), flush=True)
            sums = {}
    return average.detector


def ways(picture, seed):
    """The photo as it is, and as a phone might have taken it."""
    less = 320 / max(picture.size)
    small = picture.resize((round(picture.width * less), round(picture.height * less)), Image.BILINEAR)
    return {
        "as it is": picture,
        "dark": dark(picture, 0.03, 4, seed),
        "blurred": blurred(picture, 0.008),
        "turned": picture.transpose(Image.ROTATE_90),
        "wide": picture.crop((0, picture.height // 8, picture.width, picture.height - picture.height // 8)),
        "tall": picture.crop((picture.width // 8, 0, picture.width - picture.width // 8, picture.height)),
        "compressed": packed(small, 12),
    }


def near(photo, picture, rng):
    """A part of a car's photo with about half of the car."""
    left, top, right, bottom, _ = photo.boxes[0]
    side = 0.6 * max(right - left, bottom - top)
    x = rng.uniform(left, max(right - side, left))
    y = min(max((top + bottom - side) / 2, 0), max(picture.height - side, 0))
    return picture.crop((round(x), round(y), round(min(x + side, picture.width)), round(min(y + side, picture.height))))


def empty(photos, rng):
    """Surroundings without a car: street, wall, floor, sky."""
    for photo in photos:
        picture = opened(photo)
        for _ in range(60):
            side = max(picture.size) * rng.uniform(0.2, 0.5)
            x, y = anywhere(rng, picture, side)
            if clear(photo.boxes, x, y, side):
                yield picture.crop((round(x), round(y), round(x + side), round(y + side)))
                break


def export(detector, options, trained):
    path = options.out / "car.onnx"
    torch.onnx.export(
        Exported([(detector, False)]).eval(), (torch.zeros(1, 3, SIZE, SIZE),), str(path),
        input_names=["images"], output_names=["output"], opset_version=17, dynamo=False,
    )
    card = {
        "name": "forecourt-car",
        "layout": "yolox",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "classes": ["car"],
        "input": {
            "name": "images", "width": SIZE, "height": SIZE,
            "mean": [round(float(value), 3) for value in MEAN], "std": [round(float(value), 3) for value in STD], "fill": FILL,
        },
        "output": {"name": "output", "strides": list(STRIDES)},
        "thresholds": {"low": LOW, "score": LOW, "nms": 0.5},
        "trained": {
            "date": datetime.date.today().isoformat(),
            "seed": options.seed,
            **trained,
            "start": "YOLOX-nano on COCO (Apache-2.0)",
            "data": ["car-parts (DSMLR, Car-Parts-Segmentation; no licence stated)"] + [f"{folder.name} (no car)" for folder in options.without],
            "threshold and figures": ["car-parts, held back", "lensor (its COCO json says CC BY 4.0)"],
        },
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    return path


def best(model, picture):
    """The score of the best box of the whole photo."""
    rows = model.look(picture, (0, 0, *picture.size))
    return float(rows[:, 5].max()) if len(rows) else 0.0


def seen(model, groups, seed):
    """Scores of groups of photos, for each way to show them."""
    scores = {}
    for group, photos in groups.items():
        for place, photo in enumerate(photos):
            pictures = ways(opened(photo), place)
            if photo.boxes and not photo.boxes[0][4]:
                pictures["near"] = near(photo, opened(photo), random.Random(f"{seed}/{photo.path.name}"))
            for way, picture in pictures.items():
                scores.setdefault((group, way), []).append(best(model, picture))
    return scores


def judged(model, held, options):
    """Chooses the threshold on one half of the cars, prints what it reaches on the other, and writes the card again."""
    lensor = one_of_each(read_coco(options.data / "damage" / "lensor"))
    for photo in lensor:
        # Its boxes are damage.
        photo.boxes = []
    known = [photo.original in TWINS for photo in lensor]
    whole = [lensor[place] for place in numbers(WHOLE) if not known[place]]
    close = [lensor[place] for place in numbers(CLOSE) if not known[place]]
    parts = [photo for place, photo in enumerate(lensor) if place not in numbers(WHOLE) + numbers(CLOSE)]
    halves = list(zip(split(held, 0.5, options.seed), split(whole, 0.5, options.seed)))
    names = ("car-parts", "lensor")
    chosen, reported = (seen(model, dict(zip(names, half)), options.seed) for half in halves)
    pool = sorted(score for scores in chosen.values() for score in scores)
    threshold = max(math.floor(1000 * pool[int(MISSED * len(pool))]) / 1000, LOW)
    model.card["thresholds"]["score"] = threshold
    print(f"threshold {threshold}: {sum(score < threshold for score in pool)} of {len(pool)} below it where it was chosen")

    def line(name, scores):
        print(f"{name}: {sum(score < threshold for score in scores)} of {len(scores)} below, weakest {min(scores):.3f}, strongest {max(scores):.3f}", flush=True)

    for (group, way), scores in reported.items():
        line(f"{group}, {way}", scores)
    line("lensor, most of a car from near by", [best(model, opened(photo)) for photo in close])
    line("lensor, single parts of a car", [best(model, opened(photo)) for photo in parts])
    line("no car: surroundings of held-back cars", [best(model, picture) for picture in empty(held, random.Random(options.seed))])
    for folder in options.check:
        line(f"no car: {folder.name}", [best(model, opened(photo)) for photo in read_without(folder)])
    return model.card


def main():
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    grid = cells(SIZE, SIZE)
    coco, detector = started(options.data / "models" / "yolox_nano_coco.onnx")
    cars, held = split(read_cars(options.data / "damage" / "car-parts"), 0.2, options.seed)
    mark_others(coco, cars + held, grid)
    without = [read_without(folder) for folder in options.without]
    print(f"{len(cars)} photos of cars, {len(held)} held back, {sum(map(len, without))} pictures without a car", flush=True)
    began = time.process_time()
    if options.steps:
        detector = taught(detector, Views(cars, without, options.seed, options.steps * options.batch), options, grid)
    trained = {"steps": options.steps, "views": options.steps * options.batch, "minutes": round((time.process_time() - began) / 60), "photos": {"cars": len(cars), "without a car": sum(map(len, without))}}
    path = export(detector, options, trained)
    card = judged(Model(path), held, options)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"wrote {path} and {path.with_suffix('.json')}", flush=True)


if __name__ == "__main__":
    main()
