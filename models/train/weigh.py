"""Makes a model's scores comparable between boxes of different size.

    python weigh.py ../damage.onnx

A box counts as right when it overlaps with a person's by half, and a small box misses that by few pixels: at the same
score, small boxes of a detector are right less often than large ones. So a score is multiplied by the fourth root of the share that its box has
of what was shown. `models/README.md` says where that root comes from. The cube root of this is what the model then answers: it puts
scores in no other order, and keeps their scale near that of a detector that is asked as it is.

`export.py` does this with whatever it writes. The command does it with a file that was written before, and with its card.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

SIZE, ROOT = 1 / 4, 1 / 3
UNWEIGHED = "unweighed"


def weigh(path, card):
    """Adds it to the end of the graph in the file, and a word about it to the card."""
    model = onnx.load(path)
    graph, (answer,) = model.graph, model.graph.output
    if any(UNWEIGHED in node.output for node in graph.node):
        raise SystemExit(f"{path} is weighed already")
    for node in graph.node:
        node.output[:] = [UNWEIGHED if name == answer.name else name for name in node.output]
    width, height = card["input"]["width"], card["input"]["height"]
    shares = [
        np.full((width // stride) * (height // stride), 2 * np.log(stride) - np.log(width * height), np.float32)
        for stride in card["output"]["strides"]
    ]
    constants = {
        "parts": np.int64([2, 2, 1, len(card["classes"])]), "last": np.int64([-1]), "whole": np.float32(0),
        "cell_share": np.concatenate(shares)[None, :, None], "size_weight": np.float32(SIZE), "root": np.float32(ROOT),
    }
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    graph.node.extend([
        helper.make_node("Split", [UNWEIGHED, "parts"], ["place", "size", "presence", "likeness"], axis=-1),
        # The logarithm of a box's share: at most that of all there is.
        helper.make_node("ReduceSum", ["size", "last"], ["cells"], keepdims=1),
        helper.make_node("Add", ["cells", "cell_share"], ["box_share"]),
        helper.make_node("Min", ["box_share", "whole"], ["share"]),
        helper.make_node("Mul", ["share", "size_weight"], ["logarithm"]),
        helper.make_node("Exp", ["logarithm"], ["weight"]),
        helper.make_node("Mul", ["presence", "weight"], ["weighed"]),
        helper.make_node("Pow", ["weighed", "root"], ["weighed_presence"]),
        helper.make_node("Pow", ["likeness", "root"], ["weighed_likeness"]),
        helper.make_node("Concat", ["place", "size", "weighed_presence", "weighed_likeness"], [answer.name], axis=-1),
    ])
    onnx.checker.check_model(model)
    onnx.save(model, path)
    card["weighed"] = {"size": SIZE, "root": round(ROOT, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    path = parser.parse_args().model
    card = json.loads(path.with_suffix(".json").read_text())
    weigh(path, card)
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
