"""Columns are described once: in the database, in Dagster's UI and in the documentation alike."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

import rotator_assets
from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.columns import PANDAS_TYPES, Column, Table
from rotator_assets.store.fields import FIELDS, fields
from rotator_assets.store.io_managers import TableIOManager
from rotator_assets.store.table_reference import TablePage, table_reference
from rotator_assets.tables import TABLES, open_store, reference_pages

DOCS = Path(rotator_assets.__file__).parents[1] / "docs"


def test_the_table_reference_is_current():
    files = [DOCS / "tables.md", *(DOCS / "tables").glob("*.md")]
    written = {str(file.relative_to(DOCS)): file.read_text(encoding="utf-8") for file in files}
    assert written == reference_pages(), "run python -m rotator_assets.tables"


def test_a_page_of_tables_has_their_columns():
    columns = (Column("spin", "DOUBLE", "a|b", null="where unknown", source="Paper I"),)
    table = Table("spins", "A row per galaxy.", columns)
    pages = table_reference([TablePage("some.domain", "Tables of spins", {"spins": table})])
    assert set(pages) == {"tables.md", "tables/some-domain.md"}
    assert "| [`spins`](tables/some-domain.md#spins) | A row per galaxy. |" in pages["tables.md"]
    assert "\ntables/some-domain\n" in pages["tables.md"]
    lines = pages["tables/some-domain.md"].splitlines()
    assert "| column | type | meaning |" in lines and "Written by: `spins`." in lines
    assert "| `spin` | DOUBLE | a\\|b (Paper I); NULL where unknown |" in lines
    with_unit = Table("radii", "A row per galaxy.", (*columns, Column("radius", "DOUBLE", "its size", "arcsec")))
    page = table_reference([TablePage("radii", "Tables of radii", {"radii": with_unit})])["tables/radii.md"]
    assert "| column | type | unit | meaning |" in page and "| `radius` | DOUBLE | arcsec | its size |" in page


def test_a_comment_has_meaning_unit_source_and_null():
    column = Column("x", "DOUBLE", "pixel scale", "arcsec", "where not known", "header")
    assert column.comment == "pixel scale, arcsec (header); NULL where not known"
    assert Column("n", "INTEGER", "rows").comment == "rows"


@pytest.mark.parametrize("name", ["ra", "lambda_r", "dapqual", "synthetic"])
def test_a_shared_field_has_one_type_in_every_table(name):
    types = {column.type for table in TABLES.values() for column in table.columns if column.name == name}
    assert types == {FIELDS[name].type}


def test_every_column_has_a_meaning_and_a_pandas_type():
    for table in TABLES.values():
        assert table.comment
        for column in table.columns:
            assert column.meaning and column.type in PANDAS_TYPES


def test_field_names_are_unique_and_unknown_ones_are_refused():
    assert all(name == column.name for name, column in FIELDS.items())
    with pytest.raises(KeyError):
        fields("ra", "no_such_field")


def test_a_materialization_shows_columns_and_rows_of_its_tables(tmp_path, monkeypatch):
    for name in set(TABLES) - {"roc_curves", "notices"}:
        monkeypatch.delitem(TABLES, name)
    roc = pd.DataFrame({name: [0.5] for name in TABLES["roc_curves"].column_names})
    roc = roc.assign(dataset="manga-observed-64", recipe="thesis", synthetic=True)
    notices = pd.DataFrame(columns=TABLES["notices"].column_names)

    @dg.asset(io_manager_key="tables")
    def roc_report() -> dg.MaterializeResult:
        return dg.MaterializeResult(value={"roc_curves": roc, "notices": notices})

    manager = TableIOManager(open_store(DataRoot(tmp_path)))
    made = dg.materialize([roc_report], resources={"tables": manager}).asset_materializations_for_node("roc_report")
    metadata = made[0].metadata
    schema = metadata["dagster/column_schema"].schema
    assert metadata["dagster/table_name"].value == "roc_curves"
    assert metadata["dagster/row_count"].value == 1 and metadata["notices/row_count"].value == 0
    assert [c.name for c in metadata["notices/column_schema"].schema.columns] == TABLES["notices"].column_names
    assert [column.name for column in schema.columns] == TABLES["roc_curves"].column_names
    assert schema.columns[0].description == FIELDS["dataset"].comment and not schema.columns[0].constraints.nullable
