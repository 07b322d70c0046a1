"""What the detector is taught by: each thing is given the cells that explain it best (SimOTA),
the rest of the cells is taught that nothing is there."""

import torch
import torch.nn.functional as F

from network import boxes

# Weights of the parts, as published for YOLOX.
BOX, PRESENCE, CLASS = 5.0, 1.0, 1.0
# A thing may be explained by cells whose centre is within so many cells of its own.
RADIUS = 1.5
# The ten best overlaps tell how many cells a thing gets.
CANDIDATES = 10


def overlaps(one, other):
    """Intersection over union of every pair; boxes are centre, width, height."""
    low = torch.maximum(one[:, None, :2] - one[:, None, 2:] / 2, other[None, :, :2] - other[None, :, 2:] / 2)
    high = torch.minimum(one[:, None, :2] + one[:, None, 2:] / 2, other[None, :, :2] + other[None, :, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (one[:, 2:].prod(-1)[:, None] + other[:, 2:].prod(-1)[None] - shared + 1e-9)


def generalised(one, other):
    """Generalised intersection over union of pairs that belong together."""
    low, high = one[:, :2] - one[:, 2:] / 2, one[:, :2] + one[:, 2:] / 2
    other_low, other_high = other[:, :2] - other[:, 2:] / 2, other[:, :2] + other[:, 2:] / 2
    shared = (torch.minimum(high, other_high) - torch.maximum(low, other_low)).clamp(min=0).prod(-1)
    union = one[:, 2:].prod(-1) + other[:, 2:].prod(-1) - shared
    hull = (torch.maximum(high, other_high) - torch.minimum(low, other_low)).prod(-1)
    return shared / (union + 1e-9) - (hull - union) / (hull + 1e-9)


@torch.no_grad()
def assign(answer, regions, grid, truths, kinds):
    """Which cells explain which thing: places of the cells, and of the thing of each."""
    centres = (grid[:, :2] + 0.5) * grid[:, 2:]
    apart = (centres[:, None] - truths[None, :, :2]).abs().amax(-1)
    near = apart < RADIUS * grid[:, 2:3]
    places = near.any(1).nonzero().squeeze(1)
    if not len(places):
        return places, places
    overlap = overlaps(regions[places], truths)
    scores = (answer[places, 5:].sigmoid() * answer[places, 4:5].sigmoid()).sqrt()
    kind = F.one_hot(kinds, scores.shape[1]).float()
    doubt = F.binary_cross_entropy(
        scores[:, None].expand(-1, len(kind), -1), kind[None].expand(len(scores), -1, -1), reduction="none"
    ).sum(-1)
    cost = doubt - 3 * (overlap + 1e-8).log() + 1e5 * ~near[places]

    chosen = torch.zeros_like(cost, dtype=torch.bool)
    most = min(CANDIDATES, len(places))
    counts = overlap.topk(most, dim=0).values.sum(0).int().clamp(min=1)
    for thing, count in enumerate(counts.tolist()):
        chosen[cost[:, thing].topk(count, largest=False).indices, thing] = True
    # A cell that explains several things keeps the one it explains best.
    greedy = chosen.sum(1) > 1
    best = cost[greedy].argmin(1)
    chosen[greedy] = False
    chosen[greedy.nonzero().squeeze(1), best] = True
    kept = chosen.any(1)
    return places[kept], chosen[kept].float().argmax(1)


def loss(answers, grid, targets):
    """The sum for a batch and its parts.

    `targets` holds for each picture: boxes (centre, width, height in pixels), kinds, and regions
    (left, top, right, bottom) that are not judged, because nobody has said what is in them.
    """
    box = presence = classes = answers.new_zeros(())
    things = 0
    for answer, (truths, kinds, unjudged) in zip(answers, targets):
        regions = boxes(answer, grid)
        wanted = torch.zeros_like(answer[:, 4])
        judged = torch.ones_like(wanted)
        if len(unjudged):
            centres = (grid[:, :2] + 0.5) * grid[:, 2:]
            inside = (centres[:, None] > unjudged[None, :, :2]).all(-1) & (centres[:, None] < unjudged[None, :, 2:]).all(-1)
            judged[inside.any(1)] = 0
        if len(truths):
            places, thing = assign(answer.detach(), regions.detach(), grid, truths, kinds)
            things += len(places)
            wanted[places] = 1
            judged[places] = 1
            box = box + (1 - generalised(regions[places], truths[thing])).sum()
            fit = overlaps(regions[places].detach(), truths)[torch.arange(len(thing)), thing]
            kind = F.one_hot(kinds[thing], answer.shape[1] - 5).float() * fit.clamp(min=0.1)[:, None]
            classes = classes + F.binary_cross_entropy_with_logits(answer[places, 5:], kind, reduction="sum")
        doubt = F.binary_cross_entropy_with_logits(answer[:, 4], wanted, reduction="none")
        presence = presence + (doubt * judged).sum()
    things = max(things, 1)
    parts = {"box": BOX * box / things, "presence": PRESENCE * presence / things, "class": CLASS * classes / things}
    return sum(parts.values()), {name: float(part.detach()) for name, part in parts.items()}
