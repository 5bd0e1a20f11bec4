"""`python -m cvp_core.data.birds FOLDER PER_CLASS SHARE SHARES`: one helper's share of `write_sample`."""

from __future__ import annotations

import sys
from pathlib import Path

from .sample import write_share

if __name__ == "__main__":
    folder, per_class, share, shares = sys.argv[1:]
    write_share(Path(folder), int(per_class), int(share), int(shares))
