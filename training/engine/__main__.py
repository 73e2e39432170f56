"""Run a training from the command line; see docs/training.md."""

import sys

from training.engine.command.main import main

if __name__ == "__main__":
    sys.exit(main())
