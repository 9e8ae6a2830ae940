"""``python -m itc``: the command ``itc``."""

from __future__ import annotations

import sys

from itc.cli import main

if __name__ == "__main__":
    sys.exit(main())
