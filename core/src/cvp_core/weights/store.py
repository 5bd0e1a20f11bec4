"""Where trained weights live, and how a short name finds them."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from ..errors import WeightsError

__all__ = ["SUFFIX", "find_trained", "find_weights", "weights_dir"]

SUFFIX = ".safetensors"
ARTIFACT_MARK = "manifest.json"  # a folder with it is an artifact of `cvp compile`


def weights_dir(chosen: str | Path | None = None) -> Path:
    """`chosen`, else $CVP_WEIGHTS, else ./weights where it exists, else the user's data folder."""
    if chosen is not None:
        return Path(chosen).expanduser()
    if os.environ.get("CVP_WEIGHTS"):
        return Path(os.environ["CVP_WEIGHTS"]).expanduser()
    if Path("weights").is_dir():
        return Path("weights")
    import platformdirs

    return platformdirs.user_data_path("cvp") / "weights"


def find_weights(name: str | Path, folder: str | Path | None = None) -> Path:
    """The file, or the artifact's folder, that a path or the name of stored weights (`densenet121-birds`) stands for.

    Published weights have a name with a point (`resnet50.imagenet1k_v2`), those that somebody pushed one that begins
    with hf://; both are pulled if they are not here.
    Raises WeightsError with near misses where there is none, and what `pretrained.pulled` raises.
    """
    if str(name).startswith("hf://"):
        from .hub import pulled_from_hub

        return pulled_from_hub(str(name))
    path = Path(name).expanduser()
    if path.is_file() or (path / ARTIFACT_MARK).is_file():
        return path
    if path.suffix == SUFFIX or len(path.parts) > 1:
        if path.suffix != SUFFIX and (published := _published(str(name))) is not None:
            return published  # of a model with a slash in its name
        if path.is_dir() and (path / f"best{SUFFIX}").is_file():
            return path / f"best{SUFFIX}"  # a run folder
        raise WeightsError(f"no weights file {path}; `cvp train` writes one")
    store = weights_dir(folder)
    stored = store / f"{name}{SUFFIX}"
    if stored.is_file():
        return stored
    if (store / str(name) / ARTIFACT_MARK).is_file():
        return store / str(name)
    if (published := _published(str(name))) is not None:
        return published
    names = sorted(
        [file.name.removesuffix(SUFFIX) for file in store.glob(f"*{SUFFIX}")]
        + [mark.parent.name for mark in store.glob(f"*/{ARTIFACT_MARK}")]
    )
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    near = near or [other for other in names if other.startswith(str(name))][:3]
    if near:
        hint = f"Did you mean {' or '.join(repr(match) for match in near)}?"
    else:
        hint = f"That folder holds {', '.join(names[:5]) if names else 'none'}."
    raise WeightsError(f"no weights '{name}' in {store}. {hint} `cvp train MODEL --data DATA` makes some.")


def find_trained(name: str | Path, folder: str | Path | None = None) -> Path:
    """As `find_weights`; where that finds none and `name` is a model's, the best weights published for it, pulled."""
    try:
        return find_weights(name, folder)
    except WeightsError:
        from ..registry import families, models

        claim = models().find(str(name)) or families().find(str(name))
        if claim is None or not claim.spec.weights:
            raise
    from .pretrained import Published, pulled

    return pulled(Published(claim, claim.spec.weights[0]))


def _published(name: str) -> Path | None:
    """MODEL.WEIGHTS, pulled; None where there is no such model."""
    from ..registry import models

    model = name.rpartition(".")[0]
    if not model or models().find(name) or not models().find(model):
        return None
    from .pretrained import find_published, pulled

    return pulled(find_published(name))
