"""Columns and tables: the one description that data types, SQL, Dagster schemas and the documentation follow."""

from __future__ import annotations

from dataclasses import dataclass

PANDAS_TYPES = {
    "VARCHAR": "object",
    "DOUBLE": "float64",
    "INTEGER": "Int64",
    "BIGINT": "Int64",
    "UBIGINT": "UInt64",
    "TINYINT": "Int8",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "datetime64[ns]",
}
"""pandas dtype of each SQL type in use; integers and truth values are the nullable ones."""


@dataclass(frozen=True)
class Column:
    """A field: its SQL type, what it means, its unit, and where the definition comes from."""

    name: str
    type: str
    meaning: str
    unit: str = ""
    null: str = ""
    """When the value is NULL, as in ``where no table has the galaxy``."""
    source: str = ""
    """Paper or catalogue column that defines the field."""
    required: bool = False
    """The value is never NULL."""
    ucd: str = ""
    """What it is in the IVOA's vocabulary (Unified Content Descriptor), for files that other programs read."""

    @property
    def comment(self) -> str:
        """One line on the column: meaning, unit, source and when it is NULL."""
        text = self.meaning
        text += f", {self.unit}" if self.unit else ""
        text += f" ({self.source})" if self.source else ""
        return text + (f"; NULL {self.null}" if self.null else "")

    @property
    def dtype(self) -> str:
        """The pandas dtype."""
        return "bool" if self.type == "BOOLEAN" and self.required else PANDAS_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table: what one row is, and its columns in order. Several assets add rows to a shared table.

    A table that is ``kept`` has a partition per training, which is never replaced and cannot be made again.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    shared: bool = False
    kept: bool = False
    made_by: tuple[str, ...] = ()
    """The assets that write it; by default the asset with the table's name."""

    def __post_init__(self) -> None:
        if not self.made_by:
            object.__setattr__(self, "made_by", (self.name,))

    @property
    def column_names(self) -> list[str]:
        """Names of the columns in order."""
        return [column.name for column in self.columns]


def by_name(*tables: Table) -> dict[str, Table]:
    """Return the tables by name."""
    return {table.name: table for table in tables}


def dtypes(columns: tuple[Column, ...]) -> dict[str, str]:
    """Return the pandas dtype of each column by name, in order."""
    return {column.name: column.dtype for column in columns}
