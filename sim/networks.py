"""Matrix products of networks from the literature, one inference each; a convolution is its im2col product."""

from __future__ import annotations

from sim.workload import LayerOp, Workload


def resnet18(batch: int = 1) -> Workload:
    """ResNet-18 at 224 x 224 (He et al., CVPR 2016, table 1: 1.8 G multiply-adds)."""
    ops = [LayerOp("conv1", batch * 112 * 112, 3 * 49, 64, 1, "conv")]
    width, side = 64, 56
    for stage in range(4):
        features, pixels = 64 * 2**stage, batch * (side // 2**stage) ** 2
        first = LayerOp(f"conv{stage + 2}_1", pixels, 9 * width, features, 1, "conv")
        rest = LayerOp(f"conv{stage + 2}", pixels, 9 * features, features, 3, "conv")
        ops += [first, rest]
        if stage:
            ops.append(LayerOp(f"shortcut{stage + 2}", pixels, width, features, 1, "conv"))
        width = features
    ops.append(LayerOp("fc", batch, 512, 1000, 1))
    return Workload("resnet18", tuple(ops), {}, {})


def vit_base(batch: int = 1) -> Workload:
    """ViT-Base/16 at 224 x 224 (Dosovitskiy et al., ICLR 2021, table 1): 12 layers, width 768, MLP 3072, 12 heads."""
    tokens, width, layers, heads = 197, 768, 12, 12
    rows = batch * tokens
    ops = (
        LayerOp("patches", batch * 196, 3 * 16 * 16, width, 1, "conv"),
        LayerOp("qkv", rows, width, 3 * width, layers),
        LayerOp("scores", tokens, width // heads, tokens, layers * heads * batch),
        LayerOp("mix", tokens, tokens, width // heads, layers * heads * batch),
        LayerOp("projection", rows, width, width, layers),
        LayerOp("mlp1", rows, width, 4 * width, layers),
        LayerOp("mlp2", rows, 4 * width, width, layers),
        LayerOp("head", batch, width, 1000, 1),
    )
    return Workload("vit_base", ops, {}, {})
