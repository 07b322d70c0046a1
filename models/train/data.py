"""The photos: where they come from, which car they show, and how they are shown to the detector."""

import io
import json
import math
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

CLASSES = ["scratch", "dent", "broken"]

# What the annotations call it -> our class. `None`: something is there, but not one of ours;
# cells inside are neither taught damage nor taught that there is none.
CATEGORIES = {
    **{f"{grade}-{kind}": kind for kind in ("scratch", "dent", "broken") for grade in ("minor", "moderate", "severe")},
    "scratches": "scratch", "scrape": "scratch", "paint-scratch": "scratch",
    "dents": "dent", "deformation": "dent",
    "crack": "broken", "cracked": "broken", "damaged_light": "broken", "damaged window": "broken",
    **{name: "broken" for part in ("glass", "lamp") for name in (f"{part} shatter", f"{part}_shatter", f"{part} broken", f"{part}_broken")},
    "damaged hood": None, "damaged_door": None, "damaged bumper": None,
}
ILUJAINA = ["scratches", "damaged_light", "dent", "damaged window", "damaged hood", "damaged_door", "damaged bumper"]

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
# The share of views that are put together from four photos.
MOSAIC = 0.3
# Scratches are five times as many as dents, and those twice as many as what is broken.
WEIGHTS = [1.0, 2.0, 3.0]
# The share of views that show an undamaged car, and how many of those get damage from another car, or a piece
# of one that has none: what shows that something was pasted must not look like damage.
CLEAN, PASTED, BLANK = 0.3, 0.5, 0.2
# The most by which a view is stretched along one axis against the other.
STRETCH = 1.25
# The share of views that are turned, and the most by which, in degrees: nobody holds a phone level.
TURNED, TURN = 0.4, 8
# Where on an undamaged car damage is pasted.
PANELS = {"bumper", "door", "hood", "tailgate", "trunk"}
FILL = 114

# Photos that show the same as another under another name, found by comparing all of them: when the other
# is trained on, these are not held back.
TWINS = {"lensor/19_jpg", "lensor/3PpJ3HmJRV6GaWeDo-2Bd0Ww_jpeg", "car-parts/train11.jpg"}


@dataclass
class Photo:
    path: Path
    car: str
    # Left, top, right, bottom in pixels, and the class's place in CLASSES; -1 is not judged.
    boxes: list = field(default_factory=list)
    # Of an undamaged car, where its painted panels are.
    panels: list = field(default_factory=list)
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


def join_neighbours(photos):
    """Photos that are numbered one after the other may well show one car: they count as one."""
    numbered = {}
    for photo in photos:
        number = re.fullmatch(r"(.*/)(\d{1,4})_(jpe?g)(_jpg)?", photo.car, re.IGNORECASE)
        if number:
            series = number.group(1), bool(number.group(4))
            numbered.setdefault(series, {}).setdefault(int(number.group(2)), []).append(photo)
    for numbers in numbered.values():
        for number in sorted(numbers):
            for photo in numbers[number]:
                photo.car = numbers[number - 1][0].car if number - 1 in numbers else photo.car


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
    for one in coco["annotations"]:
        left, top, width, height = one["bbox"]
        photo, box, name = photos[one["image_id"]], (left, top, left + width, top + height), names[one["category_id"]]
        if not undamaged:
            photo.boxes.append((*box, class_of(name)))
        elif name.rsplit("_", 1)[-1] in PANELS:
            photo.panels.append(box)
    photos = [photo for photo in photos.values() if photo.path.exists()]
    if not undamaged:
        join_neighbours(photos)
    return photos


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
    kept = [one for one in photos if one.car in held and one.original not in TWINS]
    return [one for one in photos if one.car not in held], kept


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
        with Image.open(photo.path) as picture:
            width, height = picture.size
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for left, top, right, bottom, kind in photo.boxes:
            if kind >= 0:
                annotations.append({
                    "id": len(annotations) + 1, "image_id": number, "category_id": kind,
                    "bbox": [left, top, right - left, bottom - top],
                })
    categories = [{"id": place, "name": name} for place, name in enumerate(CLASSES)]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(coco))


def weight(photo):
    """How often a photo is shown: classes that are rare in the photos more often."""
    return max((WEIGHTS[box[4]] for box in photo.boxes if box[4] >= 0), default=1)


def crop(rng, photo, width, height, window, size, tile):
    """A square of the photo for a window of so many pixels, most often around damage, enlarged about as
    the worker does it: a tile's side becomes `size` pixels, or, nearly every second time, the whole photo does."""
    longer = max(width, height)
    enlarged = size * rng.uniform(0.5, 1.1) if rng.random() < 0.45 else size / tile * rng.uniform(0.7, 1.4)
    side = window * longer / enlarged
    judged = [box for box in photo.boxes if box[4] >= 0]
    if judged and rng.random() < 0.85:
        left, top, right, bottom, _ = rng.choices(judged, [WEIGHTS[box[4]] for box in judged])[0]
        centre_x, centre_y = rng.uniform(left, right), rng.uniform(top, bottom)
        x, y = centre_x - side * rng.uniform(0.15, 0.85), centre_y - side * rng.uniform(0.15, 0.85)
    else:
        x, y = rng.uniform(0, max(width - side, 0)), rng.uniform(0, max(height - side, 0))
    return min(max(x, 0), max(width - side, 0)), min(max(y, 0), max(height - side, 0)), side


def shown(picture, photo, part, size, stretch=1.0):
    """The part scaled to `size`, laid into the top left corner, with the boxes that are seen well enough.
    Stretched, it is made smaller along one axis."""
    x, y, side = part
    right, bottom = min(x + side, picture.width), min(y + side, picture.height)
    across, down = size / side * min(stretch, 1), size / side / max(stretch, 1)
    width, height = max(1, round((right - x) * across)), max(1, round((bottom - y) * down))
    piece = picture.resize((width, height), Image.BILINEAR, box=(x, y, right, bottom), reducing_gap=None)
    canvas = Image.new("RGB", (size, size), (FILL, FILL, FILL))
    canvas.paste(piece, (0, 0))
    boxes = []
    for left, top, far, low, kind in photo.boxes:
        cut = (max(left, x), max(top, y), min(far, right), min(low, bottom))
        if cut[2] <= cut[0] or cut[3] <= cut[1]:
            continue
        seen = (cut[2] - cut[0]) * (cut[3] - cut[1]) / max((far - left) * (low - top), 1e-6)
        placed = [(cut[0] - x) * across, (cut[1] - y) * down, (cut[2] - x) * across, (cut[3] - y) * down]
        # Mostly cut away, or too small to be seen: not judged.
        judged = seen > 0.3 and min(placed[2] - placed[0], placed[3] - placed[1]) >= 2
        boxes.append((*placed, kind if judged else -1))
    return canvas, boxes


def donor(rng, picture, photo, damaged):
    """A piece of a photo around one damage, or beside all of them, and its class; `None` where there is no room."""
    boxes = [box for box in photo.boxes if box[4] >= 0]
    if not boxes:
        return None
    left, top, right, bottom, kind = rng.choices(boxes, [WEIGHTS[box[4]] for box in boxes])[0]
    width, height = right - left, bottom - top
    if not damaged:
        left, top = rng.uniform(0, picture.width - width), rng.uniform(picture.height * 0.2, picture.height - height)
        right, bottom, kind = left + width, top + height, None
    margin = 0.15 * max(width, height) + 3
    part = (max(left - margin, 0), max(top - margin, 0), min(right + margin, picture.width), min(bottom + margin, picture.height))
    others = [one for one in photo.boxes if one[:4] != (left, top, right, bottom)]
    if any(one[0] < part[2] and one[2] > part[0] and one[1] < part[3] and one[3] > part[1] for one in others):
        return None
    return part, (left, top, right, bottom), kind


def pasted(rng, canvas, boxes, scale, panels, picture, photo, damaged):
    """Lays a piece of another photo, in the colour of its new surroundings and with soft edges, onto a panel."""
    found = donor(rng, picture, photo, damaged)
    if not found or not panels:
        return
    part, damage, kind = found
    panel = rng.choice(panels)
    scale *= rng.uniform(0.7, 1.4)
    # Nothing is larger than the panel that it lies on.
    scale = min(scale, *((panel[2 + axis] - panel[axis]) / (part[2 + axis] - part[axis]) for axis in (0, 1)))
    width, height = (round((part[2 + axis] - part[axis]) * scale) for axis in (0, 1))
    x, y = (round(rng.uniform(panel[axis], panel[axis + 2]) - side / 2) for axis, side in ((0, width), (1, height)))
    if min(width, height) < 6 or x < 0 or y < 0 or x + width > canvas.width or y + height > canvas.height:
        return
    piece = np.asarray(picture.resize((width, height), Image.BILINEAR, box=part), np.float32)
    under = np.asarray(canvas.crop((x, y, x + width, y + height)), np.float32)
    edge = np.ones((height, width), bool)
    edge[2:-2, 2:-2] = False
    # Light falls the same way on both: what the piece's edge differs by is taken from all of it.
    gain = np.clip((under[edge].mean(0) + 8) / (piece[edge].mean(0) + 8), 0.4, 2.5)
    across, down = (np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5 for side in (width, height))
    soft = np.minimum(np.minimum(across[None] / (0.1 * width + 2), down[:, None] / (0.1 * height + 2)), 1)[..., None]
    mixed = under * (1 - soft) + np.clip(piece * gain, 0, 255) * soft
    canvas.paste(Image.fromarray(mixed.round().astype(np.uint8)), (x, y))
    if kind is not None:
        corners = [(damage[axis] - part[axis % 2]) * scale + (x, y)[axis % 2] for axis in range(4)]
        boxes.append((*corners, kind))


def relit(rng, picture):
    """Another brightness, contrast and colour, by one table; sometimes another paint, blurred, or compressed again."""
    if rng.random() < 0.15:
        bands = picture.split()
        picture = Image.merge("RGB", rng.sample(bands, 3))
    values, table = np.arange(256, dtype=np.float32) / 255, []
    contrast, brightness, bend = rng.uniform(0.7, 1.4), rng.uniform(-0.12, 0.12), rng.uniform(0.75, 1.3)
    for _ in range(3):
        bent = (values**bend - 0.5) * contrast * rng.uniform(0.92, 1.08) + 0.5 + brightness
        table += (bent * 255).round().clip(0, 255).astype(np.uint8).tolist()
    picture = picture.point(table)
    if rng.random() < 0.1:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.25:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=rng.randint(35, 90))
        picture = Image.open(packed).convert("RGB")
    return picture


def turned(picture, boxes, degrees):
    """About the middle, anticlockwise. What lies in a box is taken for an ellipse: the box of that is not larger than it must be."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle, placed = picture.width / 2, []
    for left, top, right, bottom, kind in boxes:
        x, y, half_width, half_height = (left + right) / 2 - middle, (top + bottom) / 2 - middle, (right - left) / 2, (bottom - top) / 2
        x, y = x * cosine + y * sine + middle, y * cosine - x * sine + middle
        across, down = math.hypot(half_width * cosine, half_height * sine), math.hypot(half_width * sine, half_height * cosine)
        placed.append((*(min(max(side, 0), picture.width) for side in (x - across, y - down, x + across, y + down)), kind))
    return picture.rotate(degrees, Image.BILINEAR, fillcolor=(FILL, FILL, FILL)), [box for box in placed if box[0] < box[2] and box[1] < box[3]]


def mirrored(picture, boxes):
    width = picture.width
    flipped = [(width - right, top, width - left, bottom, kind) for left, top, right, bottom, kind in boxes]
    return picture.transpose(Image.FLIP_LEFT_RIGHT), flipped


def normalised(pictures):
    """Bytes as the network wants them."""
    mean, std = (torch.from_numpy(one).to(pictures.device).view(1, 3, 1, 1) for one in (MEAN, STD))
    return (((pictures.float() / 255) - mean) / std).contiguous(memory_format=torch.channels_last)


def target(boxes):
    judged = [box for box in boxes if box[4] >= 0]
    corners = torch.tensor([box[:4] for box in judged], dtype=torch.float32).reshape(-1, 4)
    centred = torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    unjudged = torch.tensor([box[:4] for box in boxes if box[4] < 0], dtype=torch.float32).reshape(-1, 4)
    return centred, torch.tensor([box[4] for box in judged], dtype=torch.long), unjudged


class Views(torch.utils.data.Dataset):
    """Random views of photos, each photo decoded once; the same seed and epoch give the same views."""

    def __init__(self, photos, options, count, mosaic=MOSAIC):
        self.photos, self.count, self.mosaic, self.epoch = photos, count, mosaic, 0
        self.seed, self.size, self.tile = options.seed, options.size, options.tile
        self.windows, self.batch = (options.window, options.size), options.batch
        self.decoded = [Image.open(photo.path).convert("RGB") for photo in photos]
        self.damaged = [place for place, photo in enumerate(photos) if photo.boxes]
        self.clean = [place for place, photo in enumerate(photos) if not photo.boxes] or self.damaged
        self.weights = np.cumsum([weight(photos[place]) for place in self.damaged]).tolist()

    def __len__(self):
        return self.count

    def window(self, number):
        """The side of a view in pixels: every second batch is as large as the worker's input, the others are quicker."""
        return self.windows[number // self.batch % 2]

    def draw(self, rng):
        """The place of a photo; the rarer its classes, the more often."""
        if rng.random() < CLEAN:
            return rng.choice(self.clean)
        return rng.choices(self.damaged, cum_weights=self.weights)[0]

    def view(self, rng, place, window):
        picture, photo = self.decoded[place], self.photos[place]
        part = crop(rng, photo, *picture.size, window, self.size, self.tile)
        kind = rng.random()
        pastes = photo.panels and kind < PASTED + BLANK
        canvas, boxes = shown(picture, photo, part, window, 1.0 if pastes else STRETCH ** rng.uniform(-1, 1))
        if pastes:
            scale = window / part[2]
            panels = [tuple((panel[axis] - part[axis % 2]) * scale for axis in range(4)) for panel in photo.panels]
            other = rng.choices(self.damaged, cum_weights=self.weights)[0]
            # As large on its own photo as here, whatever the two photos' pixels.
            scale *= max(picture.size) / max(self.decoded[other].size)
            pasted(rng, canvas, boxes, scale, panels, self.decoded[other], self.photos[other], kind < PASTED)
        if rng.random() < TURNED:
            canvas, boxes = turned(canvas, boxes, rng.uniform(-TURN, TURN))
        if rng.random() < 0.5:
            canvas, boxes = mirrored(canvas, boxes)
        return relit(rng, canvas), boxes

    def __getitem__(self, number):
        rng = random.Random(f"{self.seed}/{self.epoch}/{number}")
        places, window = [self.draw(rng) for _ in range(4)], self.window(number)
        if rng.random() >= self.mosaic:
            canvas, boxes = self.view(rng, places[0], window)
        else:
            half = window // 2
            canvas, boxes = Image.new("RGB", (window, window)), []
            for corner, place in enumerate(places):
                piece, found = self.view(rng, place, half)
                x, y = half * (corner % 2), half * (corner // 2)
                canvas.paste(piece, (x, y))
                boxes += [(left + x, top + y, right + x, bottom + y, kind) for left, top, right, bottom, kind in found]
        return torch.from_numpy(np.asarray(canvas).transpose(2, 0, 1).copy()), target(boxes)


def batch(items):
    pictures, targets = zip(*items)
    return torch.stack(pictures), list(targets)
