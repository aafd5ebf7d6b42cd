"""Every exported file loads where it is meant to be used: datasets, pandas, TRL. They are peers of the benchmarks."""

import json

import pytest

from questionnaires.dataset.book import Context
from questionnaires.dataset.exports import FORMATS
from questionnaires.dataset.items import Item

pytestmark = pytest.mark.slow

NASTY = "One\u2028two\u0085three ###, Q: and -> \u202eabc\u202c 😀 \u2060 «ё» =1+1"
ITEMS = [Item(f"{n}: {NASTY}?", f"{NASTY} {n}", ("Say again?",), "en", "home", str(n)) for n in range(12)]
TABLES = {"marker": "json", "chat": "json", "sharegpt": "json", "alpaca": "json", "csv": "csv", "parquet": "parquet"}


@pytest.fixture
def file(tmp_path):
    def make(name):
        path = tmp_path / f"data.{FORMATS[name].extension}"
        path.write_bytes(b"".join(FORMATS[name].write(ITEMS, Context("Ada", {"home": "Home"}))))
        return path

    return make


def load(path, kind, folder):
    datasets = pytest.importorskip("datasets", reason="requirements-bench.txt is not installed")
    return datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(folder))


@pytest.mark.parametrize("name", TABLES)
def test_datasets_loads_each_table_with_a_row_an_answer(name, file, tmp_path):
    rows = load(file(name), TABLES[name], tmp_path / "cache")
    assert rows.num_rows == len(ITEMS)
    assert all(str(n) in json.dumps(row) for n, row in enumerate(rows))


@pytest.mark.parametrize("name", ["marker", "chat", "parquet"])
def test_trl_knows_the_shape_and_renders_it(name, file, tmp_path):
    trl = pytest.importorskip("trl", reason="requirements-bench.txt is not installed")
    rows = load(file(name), TABLES[name], tmp_path / "cache")
    row = rows.select_columns(["messages"])[0] if name == "parquet" else rows[0]
    assert trl.is_conversational(row) == (name != "marker")
    if name == "marker":
        assert set(row) == {"prompt", "completion"}
    else:
        assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]


def test_pandas_reads_the_very_words(file):
    pandas = pytest.importorskip("pandas", reason="requirements-bench.txt is not installed")
    lines = pandas.read_json(file("marker"), lines=True)
    assert list(lines.columns) == ["prompt", "completion"]
    table = pandas.read_csv(file("csv"))
    parquet = pandas.read_parquet(file("parquet"))
    for frame in (table, parquet):
        assert list(frame["answer"]) == [item.answer for item in ITEMS]
    assert len(lines) == len(table) == len(ITEMS)
    assert list(pandas.read_json(file("alpaca"))["output"]) == [item.answer for item in ITEMS]
