"""Python imports this at its start where this folder is on PYTHONPATH: so the switch is in worker processes, too."""

from rotator_assets_tests.chaos import switch

switch.arm()
