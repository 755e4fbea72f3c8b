"""Programs that tests start and that are not of this project: installers and browsers."""

import os


def users_variables() -> dict[str, str]:
    """Variables with which a program finds its own settings in the home folder, which this project looks away from."""
    return {name: value for name, value in os.environ.items() if name != "XDG_CONFIG_HOME"}
