"""The command `python serving/client.py`. Nothing imports this file: see `serving/client/`.

The package has the same name on purpose: `serving.client` is always the package (PEP 420 puts it
before a module), and the command keeps the path that users know.
"""

import sys

from serving.client.cli import main

if __name__ == "__main__":
    sys.exit(main())
