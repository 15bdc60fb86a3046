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


def _encoder(batch: int, tokens: int) -> tuple[LayerOp, ...]:
    """Twelve layers of a transformer encoder: width 768, MLP 3072, 12 heads."""
    width, layers, heads = 768, 12, 12
    rows = batch * tokens
    return (
        LayerOp("qkv", rows, width, 3 * width, layers),
        LayerOp("scores", tokens, width // heads, tokens, layers * heads * batch),
        LayerOp("mix", tokens, tokens, width // heads, layers * heads * batch),
        LayerOp("projection", rows, width, width, layers),
        LayerOp("mlp1", rows, width, 4 * width, layers),
        LayerOp("mlp2", rows, 4 * width, width, layers),
    )


def vit_base(batch: int = 1) -> Workload:
    """ViT-Base/16 at 224 x 224 (Dosovitskiy et al., ICLR 2021, table 1): 12 layers, width 768, MLP 3072, 12 heads."""
    patches = LayerOp("patches", batch * 196, 3 * 16 * 16, 768, 1, "conv")
    return Workload("vit_base", (patches, *_encoder(batch, 197), LayerOp("head", batch, 768, 1000, 1)), {}, {})


def resnet50(batch: int = 1) -> Workload:
    """ResNet-50 at 224 x 224 (He et al., CVPR 2016, table 1), strides in the 3 x 3 convolutions as in torchvision."""
    ops = [LayerOp("conv1", batch * 112 * 112, 3 * 49, 64, 1, "conv")]
    width, side = 64, 56
    for stage, blocks in enumerate((3, 4, 6, 3)):
        features, out = 64 * 2**stage, batch * (side // 2**stage) ** 2
        before = out * (4 if stage else 1)  # pixels of the input, which the stride comes after
        name = f"conv{stage + 2}"
        ops += [
            LayerOp(f"{name}_1a", before, width, features, 1, "conv"),
            LayerOp(f"shortcut{stage + 2}", out, width, 4 * features, 1, "conv"),
            LayerOp(f"{name}a", out, 4 * features, features, blocks - 1, "conv"),
            LayerOp(f"{name}b", out, 9 * features, features, blocks, "conv"),
            LayerOp(f"{name}c", out, features, 4 * features, blocks, "conv"),
        ]
        width = 4 * features
    ops.append(LayerOp("fc", batch, 2048, 1000, 1))
    return Workload("resnet50", tuple(ops), {}, {})


def bert_base(batch: int = 1, tokens: int = 128) -> Workload:
    """The encoder of BERT-base (Devlin et al., NAACL 2019): 12 layers, width 768, MLP 3072, 12 heads."""
    return Workload("bert_base", _encoder(batch, tokens), {}, {})


def llama_block(batch: int = 1, tokens: int = 512) -> Workload:
    """One block of Llama 2 7B reading its prompt (Touvron et al., 2023): width 4096, 32 heads, gated MLP of 11008."""
    width, heads, hidden = 4096, 32, 11008
    rows = batch * tokens
    ops = (
        LayerOp("qkv", rows, width, 3 * width, 1),
        LayerOp("scores", tokens, width // heads, tokens, heads * batch),
        LayerOp("mix", tokens, tokens, width // heads, heads * batch),
        LayerOp("projection", rows, width, width, 1),
        LayerOp("gate and up", rows, width, 2 * hidden, 1),
        LayerOp("down", rows, hidden, width, 1),
    )
    return Workload("llama_block", ops, {}, {})


NETWORKS = {network.__name__: network for network in (resnet18, resnet50, vit_base, bert_base, llama_block)}
"""Networks by name; each takes a batch size."""
