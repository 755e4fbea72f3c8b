"""Where the study report can be opened."""

REPORT_ADDRESS = "/study_report"
"""Address of the report on the webserver of ``rotators ui``."""
