"""Tables of lambda_R: a user's own, and the check that a column holds lambda_R."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.surveys.aliases import COMMON, Columns
from rotator_assets.surveys.table_files import Table, read_csv_table


def read_lambda_r_csv(path: Path, columns: Columns = COMMON) -> Table:
    """Read a user's table: the survey's id column, ``lambda_r``, and optionally its error and the ellipticity.

    Rows without lambda_R are moved to the end, so that a row with lambda_R is used where a galaxy has several. Raises
    InputError as `read_csv_table` and `check_lambda_r` do.
    """
    wanted = (("galaxy_id", "lambda_r"), ("lambda_r_error", "ellipticity"))
    table = check_lambda_r(path, read_csv_table(path, *wanted, columns))
    missing = table.frame["lambda_r"].isna()
    return replace(table, frame=pd.concat([table.frame[~missing], table.frame[missing]], ignore_index=True))


def check_lambda_r(path: Path, table: Table) -> Table:
    """Return the table after checking that its lambda_R is plausible.

    Raises InputError if no row has a value in the valid range, or if more distinct values lie above the range than rows
    inside it: the column is in percent or another quantity.
    """
    known = int(table.frame["lambda_r"].notna().sum())
    if table.above["lambda_r"] > known or not known:
        raise InputError(f"{path}: column {table.published['lambda_r']}: {table.unusable['lambda_r']}")
    return table
