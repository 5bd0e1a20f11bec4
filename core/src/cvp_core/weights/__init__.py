"""Weights: the safetensors file that is a whole classifier, the store it lives in, and foreign checkpoints."""

from .convert import convert_state_dict, rename_keys
from .listing import read_weights
from .store import find_weights, weights_dir

__all__ = ["convert_state_dict", "find_weights", "read_weights", "rename_keys", "weights_dir"]
