"""The photos: where they come from, which car they show, and how they are shown to the detector."""

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter

CLASSES = ["scratch", "dent", "broken"]

# What the annotations call it -> our class. `None`: something is there, but not one of ours;
# cells inside are neither taught damage nor taught that there is none.
CATEGORIES = {
    "minor-scratch": "scratch", "moderate-scratch": "scratch", "severe-scratch": "scratch",
    "minor-dent": "dent", "moderate-dent": "dent", "severe-dent": "dent",
    "minor-broken": "broken", "moderate-broken": "broken", "severe-broken": "broken",
    "scratches": "scratch", "damaged_light": "broken", "damaged window": "broken",
    "damaged hood": None, "damaged_door": None, "damaged bumper": None,
    "crack": "broken", "glass_shatter": "broken", "lamp_broken": "broken",
}
ILUJAINA = ["scratches", "damaged_light", "dent", "damaged window", "damaged hood", "damaged_door", "damaged bumper"]

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
FILL = 114


@dataclass
class Photo:
    path: Path
    car: str
    # Left, top, right, bottom in pixels, and the class's place in CLASSES; -1 is not judged.
    boxes: list = field(default_factory=list)
    # The same photo before it was augmented by its publisher; one of each is enough to check with.
    original: str = ""


def class_of(category):
    name = category.strip().lower()
    kind = CATEGORIES.get(name, name if name in CLASSES else None)
    return CLASSES.index(kind) if kind else -1


def car_of(name):
    """Listing numbers tell cars apart; photos without one are a car each."""
    stem = name.split(".rf.")[0]
    listing = re.match(r"(\d{5,})-", stem) or re.match(r"(.*?-\d{9,})_\d+", stem)
    return listing.group(1) if listing else stem


def read_coco(folder, undamaged=False):
    """A folder with `annotations.json` and `images/`."""
    folder = Path(folder)
    coco = json.loads((folder / "annotations.json").read_text())
    names = {one["id"]: one["name"] for one in coco["categories"]}
    photos = {}
    for image in coco["images"]:
        name = image["file_name"]
        stem = f"{folder.name}/{name.split('.rf.')[0]}"
        photos[image["id"]] = Photo(folder / "images" / name, f"{folder.name}/{car_of(name)}", original=stem)
    for one in coco["annotations"] if not undamaged else []:
        left, top, width, height = one["bbox"]
        photos[one["image_id"]].boxes.append((left, top, left + width, top + height, class_of(names[one["category_id"]])))
    return [photo for photo in photos.values() if photo.path.exists()]


def read_yolo(folder):
    """Photos with one text file each; those without boxes are left out, because some show damage."""
    photos = []
    for label in sorted((Path(folder) / "labels_yolo").glob("*.txt")):
        path = Path(folder) / "images" / f"{label.stem}.jpg"
        rows = [line.split() for line in label.read_text().splitlines() if line.strip()]
        if not rows or not path.exists():
            continue
        width, height = Image.open(path).size
        photo = Photo(path, f"ilujaina/{label.stem.split('.rf.')[0]}", original=f"ilujaina/{label.stem.split('.rf.')[0]}")
        for kind, x, y, w, h in rows:
            x, y, w, h = float(x) * width, float(y) * height, float(w) * width, float(h) * height
            photo.boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, class_of(ILUJAINA[int(kind)])))
        photos.append(photo)
    return photos


def split(photos, share, seed):
    """Keeps each car on one side."""
    cars = sorted({photo.car for photo in photos})
    random.Random(seed).shuffle(cars)
    held = set(cars[: round(len(cars) * share)])
    return [one for one in photos if one.car not in held], [one for one in photos if one.car in held]


def one_of_each(photos):
    """The first copy of every original photo."""
    seen = {}
    for photo in sorted(photos, key=lambda one: one.path.name):
        seen.setdefault(photo.original or str(photo.path), photo)
    return list(seen.values())


def write_coco(photos, folder):
    """What `damage-eval` reads: a folder of photos, and annotations beside it."""
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, photo in enumerate(photos, 1):
        name = f"{number:05}{photo.path.suffix}"
        (folder / "images" / name).write_bytes(photo.path.read_bytes())
        images.append({"id": number, "file_name": name})
        for left, top, right, bottom, kind in photo.boxes:
            if kind >= 0:
                annotations.append({
                    "id": len(annotations) + 1, "image_id": number, "category_id": kind,
                    "bbox": [left, top, right - left, bottom - top],
                })
    categories = [{"id": place, "name": name} for place, name in enumerate(CLASSES)]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(coco))


def crop(rng, photo, width, height, tile):
    """What part to show: the whole, or a square of about a tile's size, most often around damage."""
    longer = max(width, height)
    if rng.random() < 0.3:
        return 0, 0, longer
    side = longer * tile * rng.uniform(0.7, 1.4)
    if photo.boxes and rng.random() < 0.8:
        left, top, right, bottom, _ = rng.choice(photo.boxes)
        centre_x, centre_y = rng.uniform(left, right), rng.uniform(top, bottom)
        x, y = centre_x - side * rng.uniform(0.15, 0.85), centre_y - side * rng.uniform(0.15, 0.85)
    else:
        x, y = rng.uniform(0, max(width - side, 0)), rng.uniform(0, max(height - side, 0))
    return min(max(x, 0), max(width - side, 0)), min(max(y, 0), max(height - side, 0)), side


def shown(picture, photo, part, size):
    """The part scaled to `size`, laid into the top left corner, with the boxes that are seen well enough."""
    x, y, side = part
    right, bottom = min(x + side, picture.width), min(y + side, picture.height)
    scale = size / side
    width, height = max(1, round((right - x) * scale)), max(1, round((bottom - y) * scale))
    piece = picture.resize((width, height), Image.BILINEAR, box=(x, y, right, bottom), reducing_gap=None)
    canvas = Image.new("RGB", (size, size), (FILL, FILL, FILL))
    canvas.paste(piece, (0, 0))
    boxes = []
    for left, top, far, low, kind in photo.boxes:
        cut = (max(left, x), max(top, y), min(far, right), min(low, bottom))
        if cut[2] <= cut[0] or cut[3] <= cut[1]:
            continue
        seen = (cut[2] - cut[0]) * (cut[3] - cut[1]) / max((far - left) * (low - top), 1e-6)
        placed = [(cut[0] - x) * scale, (cut[1] - y) * scale, (cut[2] - x) * scale, (cut[3] - y) * scale]
        # Mostly cut away, or too small to be seen: not judged.
        judged = seen > 0.3 and min(placed[2] - placed[0], placed[3] - placed[1]) >= 2
        boxes.append((*placed, kind if judged else -1))
    return canvas, boxes


def relit(rng, picture):
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(rng.uniform(0.6, 1.4))
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    return picture


def mirrored(picture, boxes):
    width = picture.width
    flipped = [(width - right, top, width - left, bottom, kind) for left, top, right, bottom, kind in boxes]
    return picture.transpose(Image.FLIP_LEFT_RIGHT), flipped


def tensor(picture):
    values = np.asarray(picture, np.float32) / 255
    return torch.from_numpy(((values - MEAN) / STD).transpose(2, 0, 1).copy())


def target(boxes):
    judged = [box for box in boxes if box[4] >= 0]
    corners = torch.tensor([box[:4] for box in judged], dtype=torch.float32).reshape(-1, 4)
    centred = torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    unjudged = torch.tensor([box[:4] for box in boxes if box[4] < 0], dtype=torch.float32).reshape(-1, 4)
    return centred, torch.tensor([box[4] for box in judged], dtype=torch.long), unjudged


class Views(torch.utils.data.Dataset):
    """Random views of photos; the same seed and epoch give the same views."""

    def __init__(self, photos, size, tile, seed, mosaic=0.4):
        self.photos, self.size, self.tile, self.seed, self.mosaic = photos, size, tile, seed, mosaic
        self.epoch = 0

    def __len__(self):
        return len(self.photos)

    def view(self, rng, photo, size):
        picture = Image.open(photo.path).convert("RGB")
        canvas, boxes = shown(picture, photo, crop(rng, photo, *picture.size, self.tile), size)
        if rng.random() < 0.5:
            canvas, boxes = mirrored(canvas, boxes)
        return relit(rng, canvas), boxes

    def __getitem__(self, place):
        rng = random.Random(f"{self.seed}/{self.epoch}/{place}")
        if rng.random() >= self.mosaic:
            canvas, boxes = self.view(rng, self.photos[place], self.size)
        else:
            half = self.size // 2
            canvas, boxes = Image.new("RGB", (self.size, self.size)), []
            for corner in range(4):
                photo = self.photos[place] if corner == 0 else rng.choice(self.photos)
                piece, found = self.view(rng, photo, half)
                x, y = half * (corner % 2), half * (corner // 2)
                canvas.paste(piece, (x, y))
                boxes += [(left + x, top + y, right + x, bottom + y, kind) for left, top, right, bottom, kind in found]
        return tensor(canvas), target(boxes)


def batch(items):
    pictures, targets = zip(*items)
    return torch.stack(pictures), list(targets)
