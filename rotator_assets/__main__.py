"""``python -m rotator_assets`` is the command ``rotators``."""

from rotator_assets.cli import main

main()
