"""Run the sandbox: `python -m sandbox --port 8900 --json`."""

import sys

from sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
