"""Writes the model as the worker loads it, and its card."""

import datetime
import hashlib
import json

import torch

from data import CATEGORIES, CLASSES, FILL, MEAN, STD
from network import STRIDES, Exported, load_onnx

# From which score a box is kept, and from which it is a finding, until `choose.py` has found better ones.
THRESHOLDS = {"low": 0.1, "score": 0.3, "nms": 0.45}
DATA = [
    "lensor (its COCO json says CC BY 4.0)", "ilujaina (MIT; where the photos come from is not stated)",
    "car-parts (DSMLR, Car-Parts-Segmentation; no licence stated)",
]


def start(options):
    """What the run began with; of a model with a card, that card's own story."""
    backbone = {"backbone": "EfficientNet-Lite0 on ImageNet (Apache-2.0)"} if options.backbone else {}
    if not options.start:
        return {"start": "YOLOX-nano on COCO (Apache-2.0)", **backbone}
    card = options.start.with_suffix(".json")
    before = json.loads(card.read_text()).get("trained") if card.exists() else None
    return {"start": options.start.name, **backbone, **({"before": before} if before else {})}


def together(detector, options):
    """The detector, and those that answer beside it. Each look costs the worker as much as a whole detector, so only where
    several answer they are shown the picture mirrored, too."""
    detectors = [detector]
    for path in options.beside:
        detectors.append(load_onnx(path, len(CLASSES)))
    ways = [False, True] if options.beside else [False]
    return Exported([(one, mirrored) for one in detectors for mirrored in ways]).eval()


def export(detector, options, trained):
    detector.backbone.short = False
    model = together(detector, options)
    path = options.out / "damage.onnx"
    example = torch.zeros(1, 3, options.size, options.size)
    torch.onnx.export(
        model, (example,), str(path), input_names=["images"], output_names=["output"], opset_version=17, dynamo=False
    )
    card = {
        "name": "forecourt-damage",
        "layout": "yolox",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "classes": CLASSES,
        "input": {
            "name": "images", "width": options.size, "height": options.size,
            "mean": [round(float(value), 3) for value in MEAN], "std": [round(float(value), 3) for value in STD], "fill": FILL,
        },
        "output": {"name": "output", "strides": list(STRIDES)},
        "thresholds": THRESHOLDS,
        "tiles": {"size": options.tile, "overlap": 0.2, "largest": 0.2},
        "categories": {name: kind for name, kind in CATEGORIES.items() if kind},
        **({"car": "car.json"} if (options.out / "car.json").exists() else {}),
        "trained": {
            "date": datetime.date.today().isoformat(),
            "seed": options.seed,
            **trained,
            **start(options),
            **({"beside": [path.name for path in options.beside]} if options.beside else {}),
            "data": DATA + [f"{folder.name} (the operator's own)" for folder in options.extra],
        },
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"wrote {path} and {path.with_suffix('.json')}", flush=True)
