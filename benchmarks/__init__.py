"""Side by side with the peers, in one run: `make bench`."""

import os

for setting in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # they slow NumPy down; it reads them when it is imported
    os.environ.pop(setting, None)
