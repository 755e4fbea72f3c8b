import re
from pathlib import Path

import pytest

import rotator_assets
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import FAMILIES, varied
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.core.study import ACROSS_DATASETS, REFERENCE_RECIPE, StudyFigure
from rotator_assets.domains import exhibits
from rotator_assets.plots.exhibit import FigureExhibit, TableExhibit, figure_named
from rotator_assets.plots.pictures import Pictures
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.tables import TABLES, open_store

FIGURES = [exhibit for exhibit in exhibits() if isinstance(exhibit, FigureExhibit)]
STUDY_FIGURES = [figure for exhibit in FIGURES for figure in exhibit.study]
TRAINING = Subject("training", dataset="manga-observed-64", recipe="thesis")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "results" / "figures"
    for name in ("a-b/c/one", "a-b/c/two", "a-b/c/.three", "manga-observed-64/thesis/roc"):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return DataRoot(tmp_path)


def test_figures_of_the_study_are_declared_once_each():
    assert sorted(figure.number for figure in STUDY_FIGURES) == [1, 3, 5, *range(8, 32)]


def test_figures_of_the_study_name_folders_that_the_pipeline_fills():
    known = {dataset.survey for dataset in DATASETS.values()} | set(DATASETS) | {ACROSS_DATASETS}
    known |= {f"{dataset}/{recipe}" for dataset in DATASETS for recipe in load_recipes()}
    assert {folder for figure in STUDY_FIGURES for folder in figure.folders} <= known
    assert set(FAMILIES) <= set(varied(load_recipes(), REFERENCE_RECIPE))


def test_every_table_exhibit_is_a_table_with_the_columns_it_needs(tmp_path):
    content = ReportContent(open_store(DataRoot(tmp_path)), exhibits())
    subjects = {
        "study": Subject("study"),
        "across datasets": Subject("across datasets"),
        "survey": Subject("survey", survey="manga"),
        "dataset": Subject("dataset", dataset="manga-observed-64"),
        "training": TRAINING,
    }
    for exhibit in exhibits():
        if isinstance(exhibit, TableExhibit):
            assert exhibit.name in TABLES
            subject = subjects[exhibit.scope]
            assert not content.tables(subject, exhibit.topic)  # the query is valid, and an empty table is not shown


def test_every_picture_that_is_saved_is_declared():
    sources = Path(rotator_assets.__file__).parent.rglob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    saved = set(re.findall(r'pictures\.add\(\s*"(\w+)"', text))
    assert {"roc", "attributions", "planted"} <= saved
    for name in saved:
        figure_named(exhibits(), name)


def test_an_undeclared_picture_is_refused_by_name(root):
    with pytest.raises(KeyError, match="picture unknown: no exhibit"):
        Pictures(root, "a-b/c", FIGURES).add("unknown", None)


def test_the_preferred_dataset_is_shown_and_another_one_says_why(tmp_path):
    figure = next(figure for figure in STUDY_FIGURES if figure.number == 13)
    assert figure.folder(tmp_path, "roc") is None
    assert figure.needs == "manga-observed-128 or manga-observed-64 with thesis"
    for dataset, said in (("manga-observed-64", " (manga-observed-128 was not trained.)"), ("manga-observed-128", "")):
        path = tmp_path / dataset / "thesis" / "roc.png"
        path.parent.mkdir(parents=True)
        path.touch()
        folder = figure.folder(tmp_path, "roc")
        assert folder == f"{dataset}/thesis"
        assert figure.shown(folder).endswith(f"Shown: {dataset}, recipe thesis.{said}")
    examples = next(figure for figure in STUDY_FIGURES if figure.number == 1)
    assert examples.needs == "the images of manga-observed-128 or manga-observed-64"
    assert examples.shown("manga-observed-64").endswith("Shown: manga-observed-64. (manga-observed-128 has no images.)")
    of_survey = next(figure for figure in STUDY_FIGURES if figure.number == 3)
    assert of_survey.shown("manga") == of_survey.caption


def test_a_declared_figure_appears_in_its_section_without_other_changes(root):
    declared = (
        FigureExhibit("two", "training", "Second.", order=1),
        FigureExhibit("one", "training", "AUC first."),
        FigureExhibit("absent", "training", "Not made yet."),
        FigureExhibit("one", "training", "Elsewhere.", topic="robustness"),
    )
    content = ReportContent(open_store(root), declared)
    figures = content.figures(Subject("training", True, dataset="a-b", recipe="c"))
    assert [figure.caption for figure in figures] == ["a-b, c: AUC first.", "a-b, c: second."]
    assert all(figure.synthetic for figure in figures)


def test_patterns_match_existing_pictures_and_hidden_files_are_ignored(root):
    content = ReportContent(open_store(root), (FigureExhibit("*o*", "training", "Both."),))
    figures = content.figures(Subject("training", dataset="a-b", recipe="c"))
    assert [figure.png.stem for figure in figures] == ["one", "two"]


def test_some_figures_are_shown_for_recipes_of_the_study_only(root):
    content = ReportContent(open_store(root), (FigureExhibit("roc", "training", "ROC.", study_recipes_only=True),))
    assert len(content.figures(TRAINING)) == 1
    (root.figures / "manga-observed-64" / "dropout").mkdir()
    (root.figures / "manga-observed-64" / "dropout" / "roc.png").touch()
    assert content.figures(Subject("training", dataset="manga-observed-64", recipe="dropout")) == []


def test_figures_of_the_study_are_referred_to_and_not_repeated(root):
    figure = StudyFigure(7, "ROC.", ("manga-observed-64/thesis",), "a training")
    content = ReportContent(open_store(root), (FigureExhibit("roc", "training", "ROC.", study=(figure,)),))
    assert content.figures(TRAINING) == []
    assert content.see_figures(TRAINING) == " See figure 7."
    assert content.study_numbers == {("manga-observed-64/thesis", "roc"): 7}


def test_a_table_is_shown_once_it_has_rows(tmp_path):
    store, caption = open_store(DataRoot(tmp_path)), "Accuracy"
    content = ReportContent(store, (TableExhibit("lambda_r_accuracy", "training", caption),))
    assert content.tables(TRAINING) == []
    rows = store.query("FROM lambda_r_accuracy LIMIT 0").reindex(range(1)).assign(**TRAINING.keys)
    store.write("lambda_r_accuracy", "|".join(TRAINING.keys.values()), rows)
    assert [table.caption for table in content.tables(TRAINING)] == [caption]


def test_tables_have_only_the_rows_of_their_subject(tmp_path):
    store = open_store(DataRoot(tmp_path))
    for dataset, auc in (("manga-observed-64", 0.7), ("it's", 0.8)):
        frame = store.query("FROM baseline_metrics LIMIT 0").reindex(range(1))
        store.write("baseline_metrics", f"{dataset}|thesis", frame.assign(dataset=dataset, recipe="thesis", auc=auc))
    content = ReportContent(store, (TableExhibit("baseline_metrics", "training", "Baselines"),))
    (table,) = content.tables(Subject("training", dataset="it's", recipe="thesis"))
    assert table.frame["auc"].tolist() == [0.8]
    assert not {"dataset", "recipe", "synthetic"} & set(table.frame)
    assert table.note == "DuckDB: FROM baseline_metrics WHERE dataset = 'it''s' AND recipe = 'thesis'"
