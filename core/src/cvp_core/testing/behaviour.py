"""Checks of what a built model does."""

from __future__ import annotations

import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch.func import functional_call
from torch.nn import functional

from ..errors import ConfigError
from ..summary import on_meta
from ..weights.format import load_model, save
from .subject import CheckError, Subject, require

__all__ = [
    "calls_leave_no_state",
    "channels_are_free",
    "freezes_by_stage",
    "gradients_reach_all",
    "head_swaps",
    "keys_are_stable",
    "layouts_and_bfloat16_agree",
    "logits_have_their_shape",
    "loss_falls",
    "seed_fixes_weights",
    "sizes_work",
    "weights_round_trip",
]


def seed_fixes_weights(subject: Subject) -> None:
    """The same seed gives the same initial weights and keys, and they are drawn from torch's own generator."""
    first = subject.build(seed=0).state_dict()
    torch.manual_seed(0)
    drawn = torch.get_rng_state()
    again = subject.build(seed=0).state_dict()
    require(first.keys() == again.keys(), "two builds have different keys", "name parts by a fixed scheme")
    different = [key for key in first if not torch.equal(first[key], again[key])]
    require(not different, f"one seed gave two values of {different[:3]}", "draw only from torch's own generator")
    changed = not torch.equal(torch.get_rng_state(), drawn)
    require(changed, "every seed gives the same weights", "initialise by torch.nn.init, with no fixed generator")


@torch.no_grad()
def logits_have_their_shape(subject: Subject) -> None:
    """(N, classes) for batches of 1, 2 and 5, each row as if it were alone."""
    model = subject.original()
    images = subject.pictures(5)
    together = model(images)
    require(
        together.shape == (5, subject.spec.num_classes),
        f"logits have the shape {tuple(together.shape)} for 5 pictures and {subject.spec.num_classes} classes",
        "return (N, classes) from the head",
    )
    tolerance = 1e-4 * max(1.0, together.abs().max().item())
    for count in (1, 2):
        close = torch.allclose(model(images[:count]), together[:count], rtol=0, atol=tolerance)
        require(close, f"a batch of {count} has other logits", "let no picture of a batch see another in evaluation")


@torch.no_grad()
def sizes_work(subject: Subject) -> None:
    """The smallest side works, so does an odd and oblong size, and core refuses what is smaller."""
    spec = subject.spec
    channels, least = spec.input_size[0], spec.min_size
    sizes = [(channels, least, least), (channels, least + 7, least + 12)]
    for (_, height, width), shape in zip(sizes, subject.logits_shapes(sizes, 2), strict=True):
        require(
            shape == (2, spec.num_classes),
            f"{height}x{width} pixels give the shape {tuple(shape)}",
            "pool to 1x1 before the classifier, or set any_size=False and size the layers by input_size",
        )
    if least > 1:
        try:
            subject.build(input_size=(channels, least - 1, least))
        except ConfigError:
            return
        raise CheckError(f"{least - 1} pixels were not refused", "leave the size to cvp_core: min_size says it")


@torch.no_grad()
def channels_are_free(subject: Subject) -> None:
    """1, 3 and 4 channels work."""
    sizes = [(channels, *subject.input_size[1:]) for channels in (1, 3, 4)]
    for (channels, *_), shape in zip(sizes, subject.logits_shapes(sizes, 1), strict=True):
        require(
            shape == (1, subject.spec.num_classes),
            f"{channels} channels fail",
            "take the channel count from input_size[0]",
        )


def head_swaps(subject: Subject) -> None:
    """Another class count changes the classifier and nothing else."""
    model = subject.copy().eval()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    model.reset_head(3)
    shape = model(subject.pictures(2)).shape
    require(shape == (2, 3), f"3 classes give {tuple(shape)}", "let the head end with its `classifier`")
    after = model.state_dict()
    changed = {key for key in after if before.get(key) is None or not torch.equal(after[key], before[key])}
    foreign = sorted(key for key in changed if not key.startswith("head.classifier."))
    require(not foreign, f"reset_head changed {foreign[:3]}", "keep all but the classifier out of head.classifier")


def freezes_by_stage(subject: Subject) -> None:
    """With the first half of the parts frozen, and with all but the head, gradients reach the other parts alone."""
    model = subject.copy().eval()
    parts = {part: model.parameters_of(part) for part in model.parts.named()}
    homeless = [name for name, _ in model.named_parameters() if not model.parts.part_of(name)]
    require(not homeless, f"{homeless[:3]} belong to no part", "put every layer into stem, stages or head")
    for count in (len(parts) // 2, len(parts) - 1):
        frozen = {name for part in list(parts)[:count] for name in parts[part]}
        for name, parameter in model.named_parameters():
            parameter.grad = None
            parameter.requires_grad_(name not in frozen)
        model(subject.pictures(2)).square().sum().backward()
        trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
        wrong = sorted(trained ^ (dict(model.named_parameters()).keys() - frozen))
        require(
            not wrong,
            f"with {count} of {len(parts)} parts frozen, gradients are wrong at {wrong[:3]}",
            "let no part use another part's parameters, and detach nothing",
        )


def gradients_reach_all(subject: Subject) -> None:
    """Every parameter gets a gradient."""
    model = subject.copy().train()
    logits = model(subject.pictures(2))
    logits = logits[0] if isinstance(logits, tuple) else logits
    logits.square().sum().backward()
    missed = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    require(not missed, f"no gradient reaches {missed[:3]}", "use the parameter in forward, or make it a buffer")


def loss_falls(subject: Subject) -> None:
    """A small enough step against the gradient lowers the loss of a batch in training mode, dropout drawn alike."""
    model = subject.condensed()
    model.reset_head(4)
    model.train()
    images, labels = subject.pictures(4), torch.arange(4)

    def loss_now() -> torch.Tensor:
        torch.manual_seed(0)  # the same units are dropped each time
        return functional.cross_entropy(model(images), labels)

    loss = loss_now()
    loss.backward()
    slopes = [(parameter, parameter.grad) for parameter in model.parameters() if parameter.grad is not None]
    length = torch.stack([slope.square().sum() for _, slope in slopes]).sum().sqrt().item()
    require(length > 0, "the gradient of the loss is zero", "look at initialisation: all units may be dead")
    tried = []
    moved = 0.0
    with torch.no_grad():
        for step in (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5):
            for parameter, slope in slopes:
                parameter.add_(slope, alpha=(moved - step) / length)
            moved = step
            tried.append(loss_now().item())
            if tried[-1] < loss.item():
                return
    raise CheckError(
        f"from a loss of {loss.item():.4f}, steps against the gradient lead to {tried}",
        "look at initialisation, and at operations whose gradient is not theirs",
    )


@torch.no_grad()
def calls_leave_no_state(subject: Subject) -> None:
    """In evaluation mode a call changes neither weights, buffers nor the next answer."""
    model = subject.copy().eval()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    images = subject.pictures(2)
    first = model(images)
    model(subject.pictures(5))
    require(torch.equal(model(images), first), "the same pictures got two answers", "keep nothing between calls")
    changed = [key for key, tensor in model.state_dict().items() if not torch.equal(tensor, before[key])]
    require(not changed, f"a call changed {changed[:3]}", "write no buffer in evaluation mode")


@torch.no_grad()
def layouts_and_bfloat16_agree(subject: Subject) -> None:
    """channels_last gives the same logits; bfloat16 autocast gives them within a tenth of their spread."""
    model = subject.original()
    images = subject.pictures(2)
    plain = model(images)
    scale = plain.abs().max().item() + 1e-6
    named = chain(model.named_parameters(), model.named_buffers())
    turned = {key: tensor.contiguous(memory_format=torch.channels_last) for key, tensor in named if tensor.ndim == 4}
    last = functional_call(model, turned, images.contiguous(memory_format=torch.channels_last))
    difference = (last - plain).abs().max().item() / scale
    require(difference < 1e-3, f"channels_last differs by {difference:.1e}", "use no view that assumes a layout")
    with torch.autocast("cpu", torch.bfloat16):
        half = functional_call(model, turned, images).float()
    difference = (half - plain).abs().max().item() / scale
    require(difference < 0.1, f"bfloat16 differs by {difference:.1e} of the logits", "keep sums and norms in float32")


def keys_are_stable(subject: Subject) -> None:
    """The state dict has the same keys for other classes, channels and sizes, and after a call in training mode."""
    spec = subject.spec
    keys = list(subject.original().state_dict())
    channels, height, width = subject.input_size
    changes: dict[str, dict[str, object]] = {
        "another class count": {"num_classes": 2},
        "another channel count": {"input_size": (channels + 1, height, width)},
    }
    if spec.any_size:
        changes["another size"] = {"input_size": (channels, height + 32, width + 32)}
    for what, change in changes.items():
        settings: dict[str, Any] = {"num_classes": spec.num_classes, "input_size": subject.input_size, **change}
        other = on_meta(subject.claim, **settings, look=lambda model: list(model.state_dict()))
        different = sorted(set(keys) ^ set(other))
        require(other == keys, f"{what} changes the keys {different[:3]}", "name parts by a fixed scheme")
    model = subject.copy().train()
    with torch.no_grad():
        model(subject.pictures(2))
    require(list(model.state_dict()) == keys, "a call changes the keys", "create no parameter or buffer in forward")


def weights_round_trip(subject: Subject) -> None:
    """Saved and loaded weights are equal to the bit."""
    model = subject.original()
    classes = [f"class {index}" for index in range(subject.spec.num_classes)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save(path, model, classes=classes)
        loaded, _ = load_model(path)
    ours = model.state_dict()
    different = [key for key, tensor in loaded.state_dict().items() if not torch.equal(tensor, ours[key])]
    require(not different, f"{different[:3]} came back changed", "keep all state in parameters and buffers")
