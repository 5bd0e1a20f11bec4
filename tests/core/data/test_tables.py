"""Tables as people have them: which columns are meant, and the line and column of what is wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cvp_core.data import open_data
from cvp_core.data.address import with_reading
from cvp_core.data.tables import open_table
from cvp_core.errors import ConfigError, DataError, NotInstalledError


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder with cat/0.png, cat/1.png, dog/0.png and `my, dog.png`."""
    for name in ("cat/0.png", "cat/1.png", "dog/0.png", "my, dog.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (len(name), 0, 0)).save(tmp_path / name)
    return tmp_path


def write(folder: Path, text: str | bytes, name: str = "pets.csv") -> Path:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


def names(images) -> list[str]:
    return [os.path.basename(images.name(index)) for index in range(len(images))]


def failure(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        open_table(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "image, label", [("image", "label"), ("File Name", "Class"), ("path", "target"), ("photo", "species"), ("x", "y")]
)
def test_columns_are_guessed_and_the_guess_is_told(pets, image, label):
    splits = open_table(write(pets, f"{label},{image}\ncat,cat/0.png\ndog,dog/0.png\n"))
    assert (splits.classes, names(splits.train)) == (("cat", "dog"), ["0.png", "0.png"])
    assert f"'{image}' is taken for the pictures and '{label}' for the labels" in splits.notes[0]


def test_columns_that_are_named_are_taken_without_a_word(pets):
    path = write(pets, "image,label,kind,where\nx,y,cat,cat/0.png\nx,y,cat,cat/1.png\nx,y,dog,dog/0.png\n")
    splits = open_table(path, image_column="where", label_column="kind")
    assert (splits.classes, len(splits.train)) == (("cat", "dog"), 3)
    assert splits.notes == (f"{path} has a single picture of 'dog'",)
    assert open_data(with_reading(str(path), "where", "kind")).train.labels.tolist() == [0, 0, 1]


def test_a_column_that_is_not_there_is_told_with_those_that_are(pets):
    path = write(pets, "image,label\ncat/0.png,cat\n")
    assert "has no column 'labels'. Did you mean 'label'? The columns are 'image', 'label'." in failure(
        path, label_column="labels"
    )
    path = write(pets, "a,b,c\ncat/0.png,cat,cat/1.png\n")
    assert "does not say which column has the pictures; name it by --image-column" in failure(path)
    assert "does not say which column has the labels; name it by --label-column" in failure(path, image_column="a")


def test_a_table_and_its_columns_are_one_text_wherever_data_is_given(pets, monkeypatch):
    write(pets, "image,label,a & b,鸟\nx,y,cat/0.png,cat\nx,y,dog/0.png,dog\n")
    monkeypatch.chdir(pets)
    address = with_reading("pets.csv", "a & b", "鸟")
    assert address.startswith("pets.csv?image=a+%26+b&label=")
    for given_as in (address, Path(address), f"./{address}", f"{pets}/{address}"):
        assert names(open_data(given_as).train) == ["0.png", "0.png"]
    assert with_reading(with_reading("pets.csv", "a", None), None, "b") == "pets.csv?image=a&label=b"
    assert with_reading("pets.csv", None, None) == "pets.csv"
    with pytest.raises(ConfigError, match=r"--image-column is for tables \(\.csv, \.tsv, \.parquet\); 'birds' is none"):
        with_reading("birds", "image", None)
    with pytest.raises(DataError, match=r"after the \? stand columns as image=COLUMN&label=COLUMN, or follow=yes"):
        open_data("pets.csv?label=kind&colour=red")


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("separator, name", [(",", "a.csv"), (";", "a.csv"), ("\t", "a.csv"), ("\t", "a.tsv")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_quotes_and_line_ends_as_programs_write_them(pets, start, separator, name, end):
    rows = [["image", "label"], ['"my, dog.png"', '"a ""big""\ndog"'], ["", ""], [" cat/0.png", "cat "]]
    splits = open_table(write(pets, start + end.join(separator.join(row) for row in rows), name))
    assert splits.classes == ('a "big"\ndog', "cat")
    assert names(splits.train) == ["my, dog.png", "0.png"]


def test_a_column_of_splits_divides_the_pictures(pets):
    text = "split,image,label\nTrain,cat/0.png,cat\ntraining,dog/0.png,dog\nvalid,cat/1.png,cat\ntest,cat/1.png,cat\n"
    splits = open_table(write(pets, text))
    assert [len(images) for images in (splits.train, splits.val, splits.test)] == [2, 1, 1]
    assert splits.val.labels.tolist() == [0]


def test_a_column_of_other_things_is_no_split_and_that_is_told(pets):
    splits = open_table(write(pets, "image,label,set\ncat/0.png,cat,1\ndog/0.png,dog,train\n"))
    assert (len(splits.train), splits.val) == (2, None)
    assert "column 'set' is ignored: it says '1'" in splits.notes[1]


def test_a_class_that_train_lacks_is_told_with_its_line(pets):
    text = "image,label,split\ncat/0.png,cat,train\ndog/0.png,dog,train\n\ncat/1.png,cow,val\n"
    assert "pets.csv, line 5: 'cow' is no class of pets.csv" in failure(write(pets, text))
    assert "has no row of the split 'train'" in failure(write(pets, "image,label,split\ncat/0.png,cat,val\n"))


def test_numbers_are_named_by_a_file_of_classes(pets):
    path = write(pets, "image,label\ndog/0.png,1\ncat/0.png,0\n")
    assert open_table(path).classes == ("0", "1")
    write(pets, "cat\ndog\n", "classes.txt")
    splits = open_table(path)
    assert (splits.classes, splits.train.labels.tolist()) == (("cat", "dog"), [1, 0])


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty; expected a line of column names"),
        ("image,label\n", "has no rows below its column names"),
        ("image,label\ncat/0.png,cat\n,dog\n", "line 3, column 'image': empty"),
        ('image,label\n"my, dog.png",dog\ncat/0.png,\n', "line 3, column 'label': empty"),
        ("image,label\ncat/0.png,cat,1\n", "line 2: 3 columns where the first line names 2"),
        ("image,label\ncat/0.png,cat\ncat/1.png,cat\n", "has one class, 'cat'"),
        ("image,label\ncat/0.png,cat\n../x.png,dog\n", "line 3: '../x.png' leads out of the folder of pets.csv"),
        ("image,label\ncat/0.png,cat\nno.png,dog\n", "names pictures that are not there: 'no.png' (line 3)"),
        (b"image,label\ncat/0.png,c\xff\n", "line 2: not UTF-8 text"),
        ('image,label\ncat/0.png,"cat"s\n', "line 2: not separated text"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(pets, text, message):
    assert message in failure(write(pets, text))


def test_a_trusted_table_may_lead_anywhere(pets):
    (pets / "tables").mkdir()
    path = write(pets / "tables", f"image,label\n../cat/0.png,cat\n{pets}/dog/0.png,dog\n")
    assert len(open_table(path, follow=True).train) == 2


def test_a_table_of_validation_pictures_belongs_to_any_data(pets):
    train = write(pets, "image,label\ncat/0.png,cat\ndog/0.png,dog\n")
    val = write(pets, "image,label\ncat/1.png,cat\n", "val.csv")
    assert open_data(train, val).val.labels.tolist() == [0]
    with pytest.raises(DataError, match=r"val\.csv, line 2: 'cats' is no class of pets.* Did you mean 'cat'"):
        open_data(train, write(pets, "image,label\ncat/1.png,cats\n", "val.csv"))


def test_a_missing_table_names_its_neighbours(pets, monkeypatch):
    write(pets, "image,label\n")
    monkeypatch.chdir(pets)
    with pytest.raises(DataError, match=r"no table 'pest\.csv'\. Did you mean 'pets\.csv'"):
        open_data("pest.csv")


def test_without_pyarrow_a_parquet_says_what_to_install(pets, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'cvp-core\[parquet\]'"):
        open_data(write(pets, b"PAR1", "pets.parquet"))


def parquet(path: Path, table, **metadata) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = pyarrow.table(table)
    parquet.write_table(columns.replace_schema_metadata({k: json.dumps(v) for k, v in metadata.items()}), path)
    return path


def test_hugging_faces_numbers_get_the_names_that_the_file_gives_them(pets):
    image = {"bytes": (pets / "cat/0.png").read_bytes(), "path": None}
    features = {"label": {"names": ["ant", "bee", "cat"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    path = parquet(
        pets / "a.parquet", {"image": [image, image], "label": [2, 0]}, huggingface={"info": {"features": features}}
    )
    splits = open_table(path)
    assert (splits.classes, splits.train.labels.tolist()) == (("ant", "bee", "cat"), [2, 0])
    assert splits.train.read(0).getpixel((0, 0)) == (len("cat/0.png"), 0, 0)
    path = parquet(pets / "a.parquet", {"image": [image], "label": [3]}, huggingface={"info": {"features": features}})
    assert "row 1: label 3, but" in failure(path)


def test_a_row_without_its_picture_is_told(pets):
    content = (pets / "cat/0.png").read_bytes()
    path = parquet(pets / "a.parquet", {"image": [content, None], "label": ["cat", "dog"]})
    assert "a.parquet, row 2, column 'image': no picture" in failure(path)
    path = parquet(pets / "a.parquet", {"image": [content, content], "label": ["cat", None]})
    assert "a.parquet, row 2, column 'label': empty" in failure(path)
    assert "is no parquet file" in failure(write(pets, b"PAR1 no", "b.parquet"))


odd = st.text(st.characters(codec="utf-8", exclude_characters="/\0\r"), min_size=1, max_size=40).filter(
    lambda name: name.strip() == name and name not in (".", "..") and len(name.encode()) <= 200
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.dictionaries(odd, odd, min_size=1, max_size=5), separator=st.sampled_from(",;\t"))
def test_odd_names_and_labels_come_back_as_csv_has_them(tmp_path, rows, separator):
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    for name in rows:
        (folder / name).touch()
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([["label", "image"], *([label, f"pictures/{name}"] for name, label in rows.items())])
    writer.writerow(["no number, and a second class", f"pictures/{name}"])
    splits = open_table(write(tmp_path, text.getvalue()))
    found = zip(names(splits.train), (splits.classes[label] for label in splits.train.labels), strict=True)
    assert list(found)[:-1] == list(rows.items())
