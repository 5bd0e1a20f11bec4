"""A network as one ONNX file, for the backends that read it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn, onnx
from torch.export import Dim

__all__ = ["export_onnx"]


def export_onnx(net: nn.Module, images: Tensor, path: Path, names: tuple[str, str], *, batch: str = "") -> None:
    """Writes `path`, weights inside: pictures (N, channels, height, width) to logits (N, classes), typed as `images`.

    names: of input and output. batch: the name of N where it may be any, and then `images` must not be one picture;
    otherwise N is theirs.
    """
    program = onnx.export(
        net,
        (images,),
        dynamo=True,
        dynamic_shapes=({0: Dim(batch)},) if batch else None,
        input_names=[names[0]],
        output_names=[names[1]],
        verbose=False,
    )
    assert program is not None  # it is None only for the exporter that went before dynamo's
    program.save(path, external_data=False)
