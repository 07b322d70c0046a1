"""YOLOX-nano as a PyTorch module whose weights can be read from the published ONNX file.

The architecture is that of Ge et al., "YOLOX: Exceeding YOLO Series in 2021": a depthwise
CSP backbone (or another, `lite.py`), a path-aggregation neck over strides 8, 16 and 32, and a decoupled head.
"""

from functools import partial

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import nn

from lite import MEMBERS, Lite

STRIDES = (8, 16, 32)
WIDTH = 16  # channels of the stem; the nano member of the family


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, SiLU.

    `folded`, the normalisation keeps its statistics and becomes part of the convolution, which is a third faster."""

    folded = False

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x):
        if not self.folded:
            return self.act(self.norm(self.conv(x)))
        conv, norm = self.conv, self.norm
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
        return self.act(F.conv2d(x, weight, bias, conv.stride, conv.padding, groups=conv.groups))


class Depthwise(nn.Sequential):
    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__(ConvBlock(inputs, inputs, kernel, stride, groups=inputs), ConvBlock(inputs, outputs, 1))


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.first = ConvBlock(channels, channels, 1)
        self.second = Depthwise(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class CrossStage(nn.Module):
    """Half of the channels go through bottlenecks, half pass by."""

    def __init__(self, inputs, outputs, depth, shortcut=True):
        super().__init__()
        half = outputs // 2
        self.through = ConvBlock(inputs, half, 1)
        self.past = ConvBlock(inputs, half, 1)
        self.blocks = nn.Sequential(*[Bottleneck(half, shortcut) for _ in range(depth)])
        self.join = ConvBlock(2 * half, outputs, 1)

    def forward(self, x):
        through, past = self.through(x), self.past(x)
        return self.join(torch.cat((self.blocks(through), past), dim=1))


class Pyramid(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, channels):
        super().__init__()
        self.first = ConvBlock(channels, channels // 2, 1)
        self.pools = nn.ModuleList([nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13)])
        self.last = ConvBlock(channels * 2, channels, 1)

    def forward(self, x):
        x = self.first(x)
        return self.last(torch.cat([x, *[pool(x) for pool in self.pools]], dim=1))


class Backbone(nn.Module):
    """YOLOX-nano's own."""

    # Names of the weights that are taught slowly, and at which share of the rate: there are few photos.
    slow, pace = "backbone.", 0.3
    short = False

    def __init__(self):
        super().__init__()
        w = WIDTH
        self.stem = ConvBlock(12, w, 3)
        self.dark2 = nn.Sequential(Depthwise(w, 2 * w, 3, 2), CrossStage(2 * w, 2 * w, 1))
        self.dark3 = nn.Sequential(Depthwise(2 * w, 4 * w, 3, 2), CrossStage(4 * w, 4 * w, 3))
        self.dark4 = nn.Sequential(Depthwise(4 * w, 8 * w, 3, 2), CrossStage(8 * w, 8 * w, 3))
        self.dark5 = nn.Sequential(
            Depthwise(8 * w, 16 * w, 3, 2), Pyramid(16 * w), CrossStage(16 * w, 16 * w, 1, shortcut=False)
        )

    def fixed(self):
        """Modules that are not taught: edges and colours stay what they are."""
        return [self.stem]

    def forward(self, x):
        # Focus: each 2×2 patch of pixels becomes one pixel of twelve channels.
        corners = [x[..., 0::2, 0::2], x[..., 1::2, 0::2], x[..., 0::2, 1::2], x[..., 1::2, 1::2]]
        x = self.dark2(self.stem(torch.cat(corners, dim=1)))
        third = self.dark3(x)
        fourth = self.dark4(third)
        return third, fourth, self.dark5(fourth)


class Neck(nn.Module):
    def __init__(self):
        super().__init__()
        w = WIDTH
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.lateral = ConvBlock(16 * w, 8 * w, 1)
        self.down_to_4 = CrossStage(16 * w, 8 * w, 1, shortcut=False)
        self.reduce = ConvBlock(8 * w, 4 * w, 1)
        self.down_to_3 = CrossStage(8 * w, 4 * w, 1, shortcut=False)
        self.up_to_4 = Depthwise(4 * w, 4 * w, 3, 2)
        self.join_4 = CrossStage(8 * w, 8 * w, 1, shortcut=False)
        self.up_to_5 = Depthwise(8 * w, 8 * w, 3, 2)
        self.join_5 = CrossStage(16 * w, 16 * w, 1, shortcut=False)

    def forward(self, third, fourth, fifth):
        lateral = self.lateral(fifth)
        middle = self.down_to_4(torch.cat([self.up(lateral), fourth], 1))
        reduced = self.reduce(middle)
        small = self.down_to_3(torch.cat([self.up(reduced), third], 1))
        medium = self.join_4(torch.cat([self.up_to_4(small), reduced], 1))
        large = self.join_5(torch.cat([self.up_to_5(medium), lateral], 1))
        return small, medium, large


class Branch(nn.Module):
    """The head of one stride."""

    def __init__(self, inputs, classes):
        super().__init__()
        w = 4 * WIDTH
        self.stem = ConvBlock(inputs, w, 1)
        self.cls = nn.Sequential(Depthwise(w, w, 3), Depthwise(w, w, 3))
        self.classify = nn.Conv2d(w, classes, 1)
        self.reg = nn.Sequential(Depthwise(w, w, 3), Depthwise(w, w, 3))
        self.box = nn.Conv2d(w, 4, 1)
        self.presence = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        x = self.stem(x)
        classes = self.classify(self.cls(x))
        reg = self.reg(x)
        return torch.cat([self.box(reg), self.presence(reg), classes], 1)


BACKBONES = {"nano": Backbone, **{member: partial(Lite, member) for member in MEMBERS}}


class Detector(nn.Module):
    """Answers batch × rows × (box 4, presence 1, classes): boxes as offsets and logarithms in
    cells, the rest as logits. Rows run over strides 8, 16, 32, line by line."""

    def __init__(self, classes, backbone="nano"):
        super().__init__()
        self.kind = backbone
        self.backbone = BACKBONES[backbone]()
        self.neck = Neck()
        self.heads = nn.ModuleList([Branch(channels * WIDTH, classes) for channels in (4, 8, 16)])

    def levels(self, x):
        """The answers as a map for each stride, its first channels being the columns of a row."""
        return [head(level) for head, level in zip(self.heads, self.neck(*self.backbone(x)))]

    def forward(self, x):
        return rows(self.levels(x))


def rows(levels):
    """Maps of all strides as the rows of one answer."""
    return torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)


class Exported(nn.Module):
    """What the worker runs, as `models/README.md` wants it: presence and classes between 0 and 1.

    Several answers are one: their mean, cell by cell. `looks` holds for each its detector and whether that is shown
    the picture mirrored. What one of them takes for damage by chance, the others seldom do."""

    def __init__(self, looks):
        super().__init__()
        self.detectors = nn.ModuleList(detector for detector, _ in looks)
        self.mirrored = [mirrored for _, mirrored in looks]

    def forward(self, x):
        answers = []
        for detector, mirrored in zip(self.detectors, self.mirrored):
            levels = detector.levels(x.flip(3) if mirrored else x)
            if mirrored:
                # A centre so far from one side of its cell is as far from the other.
                levels = [torch.cat([1 - level[:, :1], level[:, 1:]], 1).flip(3) for level in levels]
            answers.append(rows(levels))
        answer = torch.stack(answers).mean(0)
        return torch.cat([answer[..., :4], answer[..., 4:].sigmoid()], -1)


def cells(height, width, device=None):
    """Column, line and stride of every row of the answer."""
    parts = []
    for stride in STRIDES:
        lines, columns = torch.meshgrid(
            torch.arange(height // stride, device=device), torch.arange(width // stride, device=device), indexing="ij"
        )
        strides = torch.full_like(lines, stride)
        parts.append(torch.stack([columns, lines, strides], -1).reshape(-1, 3))
    return torch.cat(parts).float()


def boxes(answer, grid):
    """Centre, width and height in pixels of the input."""
    centre = (answer[..., :2] + grid[:, :2]) * grid[:, 2:]
    return torch.cat([centre, answer[..., 2:4].clamp(max=8).exp() * grid[:, 2:]], -1)


def _convolutions_in_order(detector):
    """Every convolution with its normalisation, in the order in which a picture meets them."""
    order, handles = [], []
    norms = {block.conv: block.norm for block in detector.modules() if isinstance(block, ConvBlock)}
    for module in detector.modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(lambda conv, *_: order.append((conv, norms.get(conv)))))
    with torch.no_grad():
        detector.eval()(torch.zeros(1, 3, 64, 64))
    for handle in handles:
        handle.remove()
    return order


def load_onnx(path, classes):
    """A detector with the weights of a published file, in which the normalisations are folded into the
    convolutions. Predictions of other classes are left as they are. Of several detectors in one file, the first.

    Convolutions are matched by order and shape, because the file has lost their names.
    """
    graph = onnx.load(path).graph
    values = {one.name: torch.from_numpy(np.array(numpy_helper.to_array(one))) for one in graph.initializer}
    for node in graph.node:
        # What several detectors or looks share is in the file once, and all of it in short numbers.
        if node.op_type in ("Identity", "Cast") and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].float()
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    shapes = [values[node.input[1]].shape for node in convolutions]
    for backbone in BACKBONES:
        detector = Detector(classes, backbone)
        ours = _convolutions_in_order(detector)
        predictions = {head.classify for head in detector.heads}
        if len(shapes) >= len(ours) and all(conv in predictions or conv.weight.shape == shape for (conv, _), shape in zip(ours, shapes)):
            break
    else:
        raise ValueError(f"{path} is none of {', '.join(BACKBONES)}")
    for node, (conv, norm) in zip(convolutions, ours):
        weight, bias = values[node.input[1]], values[node.input[2]]
        if weight.shape != conv.weight.shape:
            continue
        conv.weight.data.copy_(weight)
        if norm is None:
            conv.bias.data.copy_(bias)
        else:
            norm.weight.data.fill_(1)
            norm.bias.data.copy_(bias)
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
    return detector


def unfold_norms(detector, batches):
    """Gives the normalisations real statistics without changing what the network computes, so
    that training starts from a network that is normalised as it was when it was first trained."""
    sums = {}

    def watch(norm):
        def hook(_, inputs):
            x = inputs[0].double()
            mean, square = x.mean((0, 2, 3)), (x * x).mean((0, 2, 3))
            before = sums.get(norm, (0, 0, 0))
            sums[norm] = (before[0] + 1, before[1] + mean, before[2] + square)

        return hook

    norms = [module for module in detector.modules() if isinstance(module, nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(watch(norm)) for norm in norms]
    with torch.no_grad():
        for batch in batches:
            detector.eval()(batch)
    for handle in handles:
        handle.remove()
    for norm, (count, mean, square) in sums.items():
        mean, variance = mean / count, square / count - (mean / count) ** 2
        norm.bias.data += mean.float()
        norm.weight.data.copy_((variance + norm.eps).sqrt().float())
        norm.running_mean.copy_(mean.float())
        norm.running_var.copy_(variance.float())
