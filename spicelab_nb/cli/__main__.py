"""``python -m spicelab_nb.cli``: the same where no script was installed."""

import sys

from spicelab_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
