"""Trains the damage detector: `python train.py --data DIR`, where DIR holds the folders that `README.md` names.

Writes `models/damage.onnx` and `models/damage.json`, and under `--work` the checkpoints, the loss
plot and the photos held back for `damage-eval`. Started again, it goes on where it stopped.
"""

import argparse
import copy
import json
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch

from data import CLASSES, MOSAIC, Views, batch, normalised, one_of_each, read_coco, read_yolo, split, write_coco
from export import export
from lite import MEMBERS, imitate
from loss import loss
from network import ConvBlock, Detector, cells, load_onnx, unfold_norms

HERE = Path(__file__).resolve().parent
# Steps until the full rate is reached.
WARM = 60
# Views from which a new backbone learns to imitate the old one, and from which normalisations learn what is normal.
IMITATED, NORMED = 384, 64
# The share of a run after which the rate falls.
FLAT = 0.5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with damage/lensor, damage/ilujaina, damage/car-parts and models")
    parser.add_argument("--extra", type=Path, action="append", default=[], help="further folder with images/ and annotations.json (COCO)")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="checkpoints, plots, held-back photos")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="where damage.onnx and damage.json go")
    parser.add_argument("--start", type=Path, help="model to start from, one of this script's or YOLOX-nano [DIR/models/yolox_nano_coco.onnx]")
    parser.add_argument("--backbone", choices=list(MEMBERS), help="a member of EfficientNet-Lite in the place of the backbone of --start")
    parser.add_argument("--beside", type=Path, action="append", default=[], help="model that is exported together with the new one: both answer")
    parser.add_argument("--mirrored", action="store_true", help="export a model that is shown each view mirrored, too: twice as slow")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--minutes", type=float, help="fit the schedule to so many minutes of training instead of --epochs")
    parser.add_argument("--views", type=int, default=1600, help="views of photos per epoch")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=416, help="side of the worker's input in pixels, a multiple of 32")
    parser.add_argument("--window", type=int, default=320, help="side of every second batch's views, a multiple of 64; the others are as large as --size")
    parser.add_argument("--tile", type=float, default=0.6, help="side of a tile, as a share of the photo's longer side")
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--loaders", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="short numbers: nearly twice as fast on processors that multiply them (AMX)")
    parser.add_argument("--export-only", action="store_true", help="write the model of the last checkpoint")
    return parser.parse_args()


def photos(options):
    """For training and held back, by car. Undamaged cars are held back too."""
    damage = options.data / "damage"
    train, held = split(read_coco(damage / "lensor"), 0.2, options.seed)
    clean, clean_held = split(read_coco(damage / "car-parts", undamaged=True), 0.2, options.seed)
    train += read_yolo(damage / "ilujaina")
    for folder in options.extra:
        more, more_held = split(read_coco(folder), 0.2, options.seed)
        train, held = train + more, held + more_held
    return train, clean, one_of_each(held), clean_held


def rate(step, done):
    """Warms up, stays, and falls along a cosine to a fiftieth. Until it falls, a run may still be made longer or shorter."""
    fallen = min(max(done - FLAT, 0) / (1 - FLAT), 1)
    return min(1, step / WARM) * (0.02 + 0.49 * (1 + math.cos(math.pi * fallen)))


class Average:
    """The weights' moving average, which generalises better than the last step's."""

    def __init__(self, detector):
        self.detector = copy.deepcopy(detector).eval()
        self.steps = 0

    @torch.no_grad()
    def update(self, detector):
        self.steps += 1
        keep = 0.998 * (1 - math.exp(-self.steps / 200))
        for mine, theirs in zip(self.detector.state_dict().values(), detector.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.mul_(keep).add_(theirs.detach(), alpha=1 - keep)


def start(options, views, device):
    detector = load_onnx(options.start or options.data / "models" / "yolox_nano_coco.onnx", len(CLASSES))
    if not options.start:
        for head in detector.heads:
            # Nearly nothing is damage: begin there, or the first steps only unlearn.
            torch.nn.init.constant_(head.presence.bias, -math.log(99))
            torch.nn.init.constant_(head.classify.bias, -math.log(len(CLASSES) - 1))
    if options.backbone and options.backbone != detector.kind:
        other, detector = detector, Detector(len(CLASSES), options.backbone)
        detector.neck, detector.heads = other.neck, other.heads
        detector.backbone.load_published()
        imitate(detector.backbone.eval(), other.backbone.eval(), examples(views, IMITATED, options))
    unfold_norms(detector, examples(views, NORMED, options))
    return detector.to(device)


def examples(views, count, options):
    """Some views of photos, in the size of the worker's input."""
    wide = [number for number in range(len(views)) if views.window(number) == options.size]
    for place in random.Random(options.seed).sample(wide, min(count, len(wide))):
        yield normalised(views[place][0][None])


def teachable(detector, rate):
    """Groups of weights with their rates. Some of the backbone stays as it is, most of it learns slowly, and
    normalisations keep their statistics: there are few photos."""
    detector.eval()
    for block in detector.modules():
        if isinstance(block, ConvBlock):
            block.folded = True
    for module in detector.backbone.fixed():
        module.requires_grad_(False)
    groups = {}
    for name, one in detector.named_parameters():
        if one.requires_grad:
            slow, decays = name.startswith(detector.backbone.slow), one.ndim > 1
            pace = detector.backbone.pace if slow else 1
            group = {"params": [], "top": rate * pace, "weight_decay": 0.02 if decays else 0.0}
            groups.setdefault((slow, decays), group)["params"].append(one)
    return torch.optim.AdamW(groups.values(), rate)


def plot(log, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    for name in ("box", "presence", "class", "held"):
        axes.plot([one["views"] for one in log if name in one], [one[name] for one in log if name in one], label=name)
    axes.set_xlabel("views of photos")
    axes.set_ylabel("loss")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def trained(state, train, clean):
    """What the card says of the run."""
    return {
        "epochs": state["epoch"] + 1,
        "views": state["log"][-1]["views"],
        "minutes": round(state["spent"] / 60),
        "photos": {"damaged": len(train), "of them different": len(one_of_each(train)), "undamaged": len(clean)},
    }


def batch_loss(detector, pictures, targets, options, device):
    """The loss of a batch and its parts."""
    targets = [tuple(part.to(device) for part in target) for target in targets]
    with torch.autocast(device, torch.bfloat16, enabled=options.bfloat16 and not detector.backbone.short):
        answers = detector(normalised(pictures.to(device)))
    return loss(answers.float(), cells(*pictures.shape[2:], device), targets)


@torch.no_grad()
def held_loss(detector, loader, options, device):
    detector.eval()
    return sum(float(batch_loss(detector, *both, options, device)[0]) for both in loader) / len(loader)


def main():
    options = arguments()
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options.work.mkdir(parents=True, exist_ok=True)

    train, clean, held, clean_held = photos(options)
    for part, damaged, undamaged in zip(("choose", "report"), split(held, 0.5, options.seed), split(clean_held, 0.5, options.seed)):
        write_coco(damaged, options.work / part / "damaged")
        write_coco(undamaged, options.work / part / "clean")
    print(f"{len(train)} photos with damage and {len(clean)} without; held back {len(held)} and {len(clean_held)}; on {device}", flush=True)
    views = Views(train + clean, options, options.views)
    checks = Views(held + clean_held, options, options.views // 10, mosaic=0.0)

    checkpoint = options.work / "last.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=False)
        detector = Detector(len(CLASSES), saved["backbone"]).to(device)
        detector.load_state_dict(saved["detector"])
    else:
        saved = None
        detector = start(options, views, device)
    # Most of that backbone is not taught: short numbers are for it alone.
    detector.backbone.short = options.bfloat16 and detector.kind in MEMBERS
    average = Average(detector)
    if saved:
        average.detector.load_state_dict(saved["average"])
        average.steps = saved["steps"]
    if options.export_only:
        return export(average.detector.cpu(), options, trained(saved, train, clean))

    optimizer = teachable(detector, options.rate)
    log, first, spent = [], 0, 0.0
    if saved:
        optimizer.load_state_dict(saved["optimizer"])
        log, first, spent = saved["log"], saved["epoch"] + 1, saved["spent"]
    loader = torch.utils.data.DataLoader(views, options.batch, collate_fn=batch, num_workers=options.loaders, drop_last=True)
    checker = torch.utils.data.DataLoader(checks, options.batch, collate_fn=batch)
    begun, done, epoch = time.time() - spent, 0.0, first
    while done < 1 and (options.minutes or epoch < options.epochs):
        views.epoch = epoch
        # The last views are of photos as they are.
        views.mosaic = MOSAIC if done < 0.8 else 0.0
        began, sums = time.time(), {}
        for number, (pictures, targets) in enumerate(loader):
            step = epoch * len(loader) + number
            done = (time.time() - begun) / 60 / options.minutes if options.minutes else step / len(loader) / options.epochs
            for group in optimizer.param_groups:
                group["lr"] = group["top"] * rate(step, done)
            total, parts = batch_loss(detector, pictures, targets, options, device)
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_(detector.parameters(), 10)
            optimizer.step()
            average.update(detector)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0) + value
            if number % 10 == 0:
                print(f"epoch {epoch + 1}, step {number}/{len(loader)}, {done:.0%}: {float(total.detach()):.3f}", flush=True)
        entry = {"epoch": epoch + 1, "views": (log[-1]["views"] if log else 0) + len(views), **{name: value / len(loader) for name, value in sums.items()}}
        entry["held"] = held_loss(average.detector, checker, options, device)
        entry["seconds"] = round(time.time() - began)
        log.append(entry)
        print(json.dumps(entry), flush=True)
        state = {
            "backbone": detector.kind, "detector": detector.state_dict(), "average": average.detector.state_dict(), "steps": average.steps,
            "optimizer": optimizer.state_dict(), "epoch": epoch, "log": log, "spent": time.time() - begun,
        }
        torch.save(state, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)
        plot(log, options.work / "loss.png")
        epoch += 1
    export(average.detector.cpu(), options, trained(state, train, clean))


if __name__ == "__main__":
    main()
