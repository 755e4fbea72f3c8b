"""The webserver of ``rotators ui``: Dagster's, with one more address, at which it serves the study report.

Browsers open no local file from a page of a server.
"""

from __future__ import annotations

import os

from rotator_assets.core.dagster_internals import serve_with_file
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.same_origin import PROXY_VARIABLE
from rotator_assets.report.links import REPORT_ADDRESS

if __name__ == "__main__":
    serve_with_file(REPORT_ADDRESS, DataRoot.from_environment().report, os.environ.get(PROXY_VARIABLE, ""))
