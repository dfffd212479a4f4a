"""`python -m distilbert`: the command line."""

from __future__ import annotations

import sys

from distilbert.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
