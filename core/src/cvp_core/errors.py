"""What can go wrong, as one tree; the command line turns each into one line and an exit code.

CvpError                    nothing else is raised on purpose
├── UserError               exit 2: a mistake in what was typed or given
│   ├── UnknownNameError    no model, data set, ... of that name; carries near misses
│   ├── AmbiguousNameError  two distributions claim the name
│   ├── NotInstalledError   the name is known, its distribution is missing
│   ├── ConfigError         a setting outside its allowed range
│   ├── DataError           a folder, list or data set that cannot be used
│   │   └── ImageError      one picture that cannot be read
│   ├── WeightsError        a weights file that is damaged, foreign or does not fit
│   └── OutputError         a place that cannot be written
└── MachineError            exit 1: a fault of the machine or of a plugin
    ├── PluginError         a plugin broke the contract or raised
    └── TrainingError       training cannot go on, such as a loss that is not finite

A message says what was given, what is allowed and what to do next.
"""

from __future__ import annotations

__all__ = [
    "AmbiguousNameError",
    "ConfigError",
    "CvpError",
    "DataError",
    "ImageError",
    "MachineError",
    "NotInstalledError",
    "OutputError",
    "PluginError",
    "TrainingError",
    "UnknownNameError",
    "UserError",
    "WeightsError",
]


class CvpError(Exception):
    """Base of everything that cvp raises on purpose."""

    exit_code = 1


class UserError(CvpError):
    """Something that was typed or given cannot be used."""

    exit_code = 2


class UnknownNameError(UserError):
    """No such model, family, data set, backend or command."""


class AmbiguousNameError(UserError):
    """Several distributions claim one name."""


class NotInstalledError(UserError):
    """The name is known, but the distribution that brings it is not installed."""


class ConfigError(UserError):
    """A setting that is unknown or outside its allowed range."""


class DataError(UserError):
    """A folder or data set that cannot be used as given."""


class ImageError(DataError):
    """A picture that cannot be read; the message is the reason alone, without the path."""


class WeightsError(UserError):
    """A weights file that is damaged, foreign, or does not fit its model."""


class OutputError(UserError):
    """A place that cannot be written."""


class MachineError(CvpError):
    """A fault of the machine or of a plugin."""


class PluginError(MachineError):
    """A plugin that broke the contract or raised an exception."""


class TrainingError(MachineError):
    """Training that cannot go on."""
