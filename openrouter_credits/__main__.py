"""`python -m openrouter_credits` is `openrouter-credits`."""

import sys

from openrouter_credits.cli import main

if __name__ == "__main__":
    sys.exit(main())
