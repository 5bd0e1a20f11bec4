"""Photographs within the page: small JPEGs as data URIs, the worst mistakes, and what the network looked at."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..data import ImageSet
from ..data.preprocess import normalise, resize_and_crop
from ..errors import DataError
from ..evaluate import Evaluation
from .facts import ReportFacts
from .text import percent, section, short_name, text

__all__ = ["heat_map", "looked_at", "mistakes"]

# Together at most 24 pictures, of at most 12 kB or so each.
_MOST_MISTAKES = 18
_MOST_PAIRS = 3
_SIDE = 224
_TINY = 64  # pixels below which a picture is shown with its pixels, not smoothed


@dataclass(frozen=True)
class _Example:
    """A picture of an evaluation with its answer."""

    index: int
    truth: str
    guess: str
    confidence: float
    name: str

    @property
    def caption(self) -> str:
        if self.truth == self.guess:
            answer = f'<span class="right">{text(self.guess, 60)}</span> {percent(self.confidence, 0)}'
        else:
            answer = (
                f'<span class="guess">{text(self.guess, 60)}</span> {percent(self.confidence, 0)}<br>'
                f'is <span class="truth">{text(self.truth, 60)}</span>'
            )
        return f'{answer}<br><span class="mono">{text(short_name(self.name), 60)}</span>'


def mistakes(facts: ReportFacts) -> str:
    """The wrong answers that were given with the greatest confidence."""
    evaluation, images = facts.evaluation, facts.images
    if evaluation is None or images is None:
        return ""
    wrong = np.flatnonzero(np.asarray(evaluation.predictions != evaluation.labels))
    if not len(wrong):
        return section("Mistakes", f"<p>None: all {evaluation.samples} pictures are right.</p>")
    figures = []
    for example in _examples(facts, evaluation, images, _worst(evaluation, wrong)[:_MOST_MISTAKES]):
        picture = _read(images, example.index)
        if picture is not None:
            figures.append(f"<figure>{_img(picture)}<figcaption>{example.caption}</figcaption></figure>")
    shown = "" if len(figures) == len(wrong) else f", the {len(figures)} most confident of {len(wrong)}"
    return section(
        f"Mistakes{shown}",
        '<p class="soft">The answer with its confidence, then the truth.</p>',
        f'<div class="pictures">{"".join(figures)}</div>' if figures else "<p>No picture can be read any more.</p>",
    )


def looked_at(facts: ReportFacts) -> str:
    """Pictures beside what made the network answer as it did: Grad-CAM (arXiv:1610.02391)."""
    evaluation, images, model, preprocess = facts.evaluation, facts.images, facts.model, facts.preprocess
    if evaluation is None or images is None or model is None or preprocess is None:
        return ""
    heading = "What the network looked at (Grad-CAM)"
    try:
        import torch

        from ..explain import grad_cam

        chosen = _examples(facts, evaluation, images, _instructive(evaluation))
        pixels = np.stack([resize_and_crop(images.read(one.index, preprocess.channels), preprocess) for one in chosen])
        device = next(model.parameters()).device
        batch = torch.from_numpy(normalise(pixels, preprocess)).to(device)
        targets = evaluation.predictions[[one.index for one in chosen]].to(device)
        maps = grad_cam(model, batch, targets)
    except Exception as error:  # noqa: BLE001 - a network without a last feature map still gets its report
        return section(heading, f'<p class="soft">Left out: {text(error) or type(error).__name__}</p>')
    figures = []
    for example, seen, heat in zip(chosen, pixels, maps, strict=True):
        picture = Image.fromarray(seen if seen.shape[2] == 3 else np.repeat(seen, 3, axis=2))
        pair = _img(picture) + _img(_overlaid(picture, heat))
        figures.append(f'<figure><div class="pair">{pair}</div><figcaption>{example.caption}</figcaption></figure>')
    note = (
        '<p class="soft">The picture as the network sees it; the warmer a place, the more it speaks for the answer.</p>'
    )
    return section(heading, note, f'<div class="pictures pairs">{"".join(figures)}</div>')


def heat_map(shares: np.ndarray) -> str:
    """A matrix of shares (C, C) as one pixel a cell, of a colour that stands out on light and dark pages."""
    pixels = np.empty((*shares.shape, 4), np.uint8)
    pixels[..., :3] = (46, 134, 208)
    pixels[..., 3] = (255 * np.sqrt(shares)).astype(np.uint8)
    return f'<img class="heat" alt="confusion matrix" src="{_uri(Image.fromarray(pixels), "PNG")}">'


def _worst(evaluation: Evaluation, wrong: np.ndarray) -> np.ndarray:
    return wrong[np.argsort(-np.asarray(evaluation.confidences)[wrong], kind="stable")]


def _instructive(evaluation: Evaluation) -> np.ndarray:
    """The worst mistakes, and right answers of middling confidence of different classes: half of each if there are."""
    hits = np.asarray(evaluation.predictions == evaluation.labels)
    labels, confidences = np.asarray(evaluation.labels), np.asarray(evaluation.confidences)
    right = np.flatnonzero(hits)
    right = right[np.argsort(np.abs(confidences[right] - np.median(confidences)), kind="stable")]
    _, first = np.unique(labels[right], return_index=True)
    right = right[np.sort(first)]
    wrong = _worst(evaluation, np.flatnonzero(~hits))
    wanted = max(_MOST_PAIRS // 2, _MOST_PAIRS - len(right))
    wrong = wrong[:wanted]
    return np.concatenate([right[: _MOST_PAIRS - len(wrong)], wrong])


def _examples(
    facts: ReportFacts, evaluation: Evaluation, images: ImageSet, indices: Sequence[int] | np.ndarray
) -> list[_Example]:
    return [
        _Example(
            int(index),
            facts.classes[int(evaluation.labels[index])],
            facts.classes[int(evaluation.predictions[index])],
            float(evaluation.confidences[index]),
            images.name(int(index)),
        )
        for index in indices
    ]


def _read(images: ImageSet, index: int) -> Image.Image | None:
    try:
        return images.read(index, 3)
    except DataError:
        return None


def _img(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((_SIDE, _SIDE))
    kind = ' class="tiny"' if max(small.size) < _TINY else ""
    return f'<img{kind} alt="" src="{_uri(small, "JPEG")}">'


def _uri(picture: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    if kind == "JPEG":
        picture.save(buffer, kind, quality=95 if max(picture.size) < _TINY else 82)
    else:
        picture.save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _overlaid(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """The picture in grey under a map in 0..1 (H, W) of any size: dark red to yellow, clear where it is 0."""
    scaled = Image.fromarray((255 * np.clip(heat, 0, 1)).astype(np.uint8)).resize(
        picture.size, Image.Resampling.BICUBIC
    )
    level = np.asarray(scaled, dtype=np.float32)[..., None] / 255
    stops = (0.0, 0.5, 1.0)
    colours = np.array([(70, 0, 60), (225, 60, 30), (255, 225, 60)], np.float32)
    colour = np.concatenate([np.interp(level, stops, colours[:, channel]) for channel in range(3)], axis=2)
    grey = np.asarray(picture.convert("L").convert("RGB"), dtype=np.float32)
    strength = 0.7 * level
    return Image.fromarray((grey * (1 - strength) + colour * strength).astype(np.uint8))
