"""The strict YAML reader: ambiguous or invalid lines are errors that name the line."""

import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.core.yaml_files import read_yaml

XY = {"x": 1, "y": 2}


def read(tmp_path, content: str | bytes):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", None),
        ("# nothing\n", None),
        ("--- {}\n...\n", {}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: [1, -2, 0, 1.5, 3e-4, .5, 1E3]", {"a": [1, -2, 0, 1.5, 3e-4, 0.5, 1000.0]}),
        ("a: [true, False, null, ~, x]", {"a": [True, False, None, None, "x"]}),
        ("a:\nb: 'yes'\nc: \"010\"\nd: '1:30'", {"a": None, "b": "yes", "c": "010", "d": "1:30"}),
        ("'no': 1\n'7': 2", {"no": 1, "7": 2}),
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a", {"a": XY, "b": {"x": 1, "y": 3}, "c": XY}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
    ],
)  # fmt: skip
def test_unambiguous_content_is_read(tmp_path, text, content):
    assert read(tmp_path, text).content == content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' appears twice"),
        ("a:\n  b: {c: 1, 'c': 2}", "line 2: 'c' appears twice"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: {y: 1}", "line 4: '<<' appears twice"),
        ("a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: [*a, *b]}", "line 3: 'x' appears twice in the mappings merged by '<<'"),
        ("a: &x 1\nb: &x 2\nc: *x", "line 2: &x appears twice"),
        ('"a\\nb": 1', "line 1: the key 'a\\nb' holds characters that cannot be printed"),
        ("a\u200bb: 1", "line 1: the key 'a\\u200bb' holds characters that cannot be printed"),
        ("a: {<<: 3}", "line 1: '<<' refers to something that is not a mapping"),
        ("a: 010", "line 1: 010 may not be a decimal number"),
        ("a: 0o10", "0o10 may not be"),
        ("a: 0x1F", "0x1F may not be"),
        ("a: -0b11", "-0b11 may not be"),
        ("a:\n- 1_000", "line 2: 1_000 has an underscore in a number"),
        ("a: 12:30", "12:30 may be a number in base 60"),
        ("a: 1:30:05.5", "base 60"),
        ("a: 2020-09-01", "2020-09-01 may be a date"),
        ("a: 2020-99-99", "2020-99-99 may be a date"),
        ("a: 2020-09-01T12:00:00Z", "may be a date"),
        ("a: NO", "NO is read as true or false"),
        ("a: [x, on]", "on is read as true or false"),
        ("off: 1", "off is read as true or false"),
        ("a: .inf", ".inf is not a finite number"),
        ("a: -.Inf", "is not a finite number"),
        ("a: .NaN", "is not a finite number"),
        ("a: 1e999", "1e999 is not a finite number"),
        ("a: " + "9" * 5000, "is not a finite number"),
        ("1: a", "the key 1 is not text"),
        ("null: a", "the key null is not text"),
        ("? [a, b]\n: c", "is not text"),
        ("{a: 1}: c", "is not text"),
        ("a: !!python/object/apply:os.system ['true']", "line 1: is not valid YAML for settings: the tag"),
        ("a: !!str 1", "the tag"),
        ("a: ! 1", "the tag"),
        ("a: !!binary aGk=", "the tag"),
        ("!!omap [a: 1]", "the tag"),
        ("a: *b", "line 1: *b refers to no earlier anchor"),
        ("a: &a [*a]", "*a refers to no earlier anchor"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a:\n\tb: 1", "line 2: is not valid YAML"),
        ("a: [1, 2", "is not valid YAML"),
        ("a: 'open", "is not valid YAML"),
        ("a: b: c", "is not valid YAML"),
        ("a: 1\nb: \x07", "line 2: is not valid YAML: the character"),
        (b"a: 1\nb: \xe9", "line 2: is not valid YAML: the text is not UTF-8"),
        ("a: 1".encode("utf-16"), "is not valid YAML"),
        ("[" * 3000, "nested more than"),
        ("{a: " * 100, "nested more than"),
        ("a: [" + "1," * 120_000 + "1]", "more than 100000 values"),
        ("#" * 2**20 + "\n", "is larger than 1024 kB"),
    ],
)
def test_ambiguous_or_invalid_yaml_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert message in str(error.value) and "settings.yaml: " in str(error.value)
    assert "\n" not in str(error.value)


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(InputError, match=r"line 6: more than 100000 values, with every alias expanded"):
        read(tmp_path, "\n".join(lines))


def test_values_have_line_numbers(tmp_path):
    file = read(tmp_path, "a:\n  b:\n    - 1\n    - 2\nc: 3\n")
    assert file.where("a", "b", 1).endswith("settings.yaml: line 4")
    assert file.where("a", "b", "unknown").endswith("line 2") and file.where("unknown").endswith("line 1")
