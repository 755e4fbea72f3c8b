"""Errors whose message tells the user what is wrong with the input."""


class InputError(ValueError):
    """Invalid input or usage.

    The message is one line for the user: which file, which row or column, what is wrong, what to do. The command
    line prints it without a traceback and exits with status 2; Dagster shows it as the reason for a failed run.
    """


class UnusableImage(ValueError):
    """The image of one galaxy cannot be used. The message is listed as its reason; other galaxies are not affected."""


class UnusableKinematics(ValueError):
    """lambda_R of one galaxy cannot be measured. The message is listed as its reason; others are not affected."""


class RefusedKinematics(UnusableKinematics):
    """lambda_R of one galaxy was measured and rejected by a quality cut of the settings."""
