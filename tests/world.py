"""Names and places that tests share. Imported at collection, before a test changes anything."""

import os
from pathlib import Path

from metier.settings import Settings

SMALL = "smollm2:135m"
HALF = "qwen2.5-coder:0.5b"
BIG = "qwen2.5-coder:1.5b"
EMBED = "all-minilm"

# Where weights and program are kept between runs.
KEPT = Settings.load(file=Path(os.devnull)).cache_dir
