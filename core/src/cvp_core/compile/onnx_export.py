"""A network as one ONNX file, for the backends that read it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn, onnx
from torch.export import Dim

__all__ = ["INPUT", "OUTPUT", "export_onnx"]

INPUT, OUTPUT = "image", "logits"


def export_onnx(net: nn.Module, images: Tensor, path: Path, *, is_dynamic: bool) -> None:
    """Writes `path`, weights inside: image (N, channels, height, width) to logits (N, classes), typed as `images`.

    is_dynamic: N may be any; otherwise it is that of `images`, which must not be 1 for a dynamic one.
    """
    program = onnx.export(
        net,
        (images,),
        dynamo=True,
        dynamic_shapes=({0: Dim("batch")},) if is_dynamic else None,
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,
    )
    assert program is not None  # it is None only for the exporter that went before dynamo's
    program.save(path, external_data=False)
