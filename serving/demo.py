"""The command `python serving/demo.py`. Nothing imports this file: see `serving/demo/`.

The package has the same name on purpose, as `serving/client/` has.
"""

import sys

from serving.demo.cli import main

if __name__ == "__main__":
    sys.exit(main())
