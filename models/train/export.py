"""Writes the model as the worker loads it, and its card."""

import datetime
import hashlib
import json

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from data import CATEGORIES, CLASSES, FILL, MEAN, STD
from network import STRIDES, Exported, load_onnx
from weigh import weigh

# From which score a box is kept, and from which it is a finding, until `choose.py` has found better ones.
THRESHOLDS = {"low": 0.1, "score": 0.3, "nms": 0.45}
# Values from which on a weight's tensor is worth its conversion.
LARGE = 256
DATA = [
    "lensor (its COCO json says CC BY 4.0)", "ilujaina (MIT; where the photos come from is not stated)",
    "car-parts (DSMLR, Car-Parts-Segmentation; no licence stated)",
]


def story(path):
    """How a model with a card was trained, in that card's words."""
    card = path.with_suffix(".json")
    return json.loads(card.read_text()).get("trained") if card.exists() else None


def last_run(path):
    """The same without what went before it."""
    return {name: value for name, value in (story(path) or {}).items() if name not in ("before", "beside", "data")}


def start(options):
    """What the run began with."""
    backbone = {"backbone": f"EfficientNet-{options.backbone.capitalize()} on ImageNet (Apache-2.0)"} if options.backbone else {}
    if not options.start:
        return {"start": "YOLOX-nano on COCO (Apache-2.0)", **backbone}
    before = story(options.start)
    return {"start": options.start.name, **backbone, **({"before": before} if before else {})}


def together(detector, options):
    """The detector, and those that answer beside it. Mirrored, each costs the worker twice as much."""
    detectors = [detector]
    for path in options.beside:
        detectors.append(load_onnx(path, len(CLASSES)))
    ways = [False, True] if options.mirrored else [False]
    return Exported([(one, mirrored) for one in detectors for mirrored in ways]).eval()


def halved(path):
    """Keeps large weights in the file as 16-bit floats, which is half as large; a runtime makes 32-bit ones of them when it loads it.
    A score changes in its third digit or later."""
    model = onnx.load(path)
    graph = model.graph
    for one in [one for one in graph.initializer if one.data_type == TensorProto.FLOAT and np.prod(one.dims) >= LARGE]:
        short = numpy_helper.from_array(numpy_helper.to_array(one).astype(np.float16), f"{one.name}.short")
        graph.node.insert(0, helper.make_node("Cast", [short.name], [one.name], to=TensorProto.FLOAT))
        graph.initializer.remove(one)
        graph.initializer.append(short)
    onnx.checker.check_model(model)
    onnx.save(model, path)


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
        "sha256": None,
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
            **({"beside": {path.name: last_run(path) for path in options.beside}} if options.beside else {}),
            "data": DATA + [f"{folder.name} (the operator's own)" for folder in options.extra],
        },
    }
    weigh(path, card)
    halved(path)
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"wrote {path} and {path.with_suffix('.json')}", flush=True)
