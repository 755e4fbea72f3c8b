"""The answer on the console."""

import pytest

from rotator_assets.answer.sentences import key_results, key_results_table
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import WHOLE
from rotator_assets.orchestration.summary import print_summary
from rotator_assets.tables import open_store
from rotator_assets_tests.answer.made_up import DATASETS, EVERYTHING, results


@pytest.fixture
def store(tmp_path):
    store = open_store(DataRoot(tmp_path))
    known = results(**EVERYTHING)
    store.write("model_metrics", "manga-observed-64|thesis", known.model_metrics.head(1))
    store.write("key_results", WHOLE, key_results_table(key_results(known, DATASETS)))
    return store


def test_the_sentences_are_those_of_the_table(store, capsys):
    print_summary(store)
    lines = capsys.readouterr().out.splitlines()
    said = store.query("SELECT sentence FROM key_results ORDER BY position")["sentence"]
    assert lines == [*(f"{n}. {sentence}" for n, sentence in enumerate(said, start=1)), f"report: {store.root.report}"]


def test_an_answer_older_than_the_results_says_so(store, capsys):
    store.write("model_metrics", "manga-observed-64|log", results(**EVERYTHING).model_metrics.head(1))
    print_summary(store)
    assert capsys.readouterr().out.splitlines()[-1].startswith("notice: results are newer than this answer")


def test_without_an_answer_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="there is no answer yet"):
        print_summary(open_store(DataRoot(tmp_path)))
    assert list(tmp_path.iterdir()) == []
