"""Weights: the safetensors file that is a whole classifier, the store it lives in, and foreign checkpoints."""

from .convert import convert_state_dict, rename_keys

__all__ = ["convert_state_dict", "rename_keys"]
