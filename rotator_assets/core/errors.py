"""The error that tells a user what is wrong with their input."""


class InputError(ValueError):
    """Input or usage that cannot be worked with.

    The message is one line for the user: which file, which row or column, what is wrong, what to do. The command
    line prints it without a traceback and exits with status 2; Dagster shows it as the run's failure.
    """


class UnusableImage(ValueError):
    """One galaxy's image cannot be used; the message is the reason listed for that galaxy. Never stops a survey."""


class UnusableKinematics(ValueError):
    """lambda_R of one galaxy cannot be measured; the message is the reason listed for it. Never stops a survey."""


class RefusedKinematics(UnusableKinematics):
    """lambda_R of one galaxy could be measured, and a quality cut of the settings refuses it."""
