"""`python -m cvp_cli` is `cvp`."""

import sys

from .main import main

sys.exit(main())
