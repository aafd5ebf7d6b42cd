"""`free_space.py GB`: one sentence and exit code 1 when the disk of this folder has less than that."""

import shutil
import sys

need = float(sys.argv[1])
free = shutil.disk_usage(".").free / 1e9
if free < need:
    sys.exit(f"The disk is full: {need:.0f} GB are needed here and {free:.1f} GB are free. Make room and try again.")
