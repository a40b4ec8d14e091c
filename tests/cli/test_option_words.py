"""Messages name the options of a command where Python's keywords are meant."""

import ast
import re
from pathlib import Path

import pytest

import xpnet
from xpnet.cli import main
from xpnet.cli.option_words import in_options
from xpnet.cli.parser import parser

pytest.importorskip("pyarrow", reason="tables are read with pyarrow")


def command(*arguments):
    return parser().parse_args(arguments).parser


TRAIN = command("train", "t.csv")
PREDICT = command("predict", "m", "t.csv")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Give decimal='.' or decimal=','.", "Give --decimal '.' or --decimal ','."),
        ("use task='classification', which", "use --task classification, which"),
        ('use task="regression".', "use --task regression."),
        ("Save it, or give encoding=.", "Save it, or give --encoding."),
        ("Give encoding= if it is", "Give --encoding if it is"),
        ("use backend='torch:mps'.", "use --backend torch:mps."),
        ("use batch_size=32.", "use --batch-size 32."),
        ("(no_header=True)", "(no_header=True)"),
        ("set no_header=True.", "set --no-header."),
        ("delimiter=' ' and", "--delimiter ' ' and"),
    ],
)
def test_keywords_become_options(message, words):
    assert in_options(message, TRAIN) == words


@pytest.mark.parametrize(
    "message",
    [
        "numpy.savez(path, X=X, y=y), and y.argmax(axis=1).",
        "this schema has no target: Schema.infer(target=).",
        "column 'decimal=5': expected a number, found 'a task=1 b'",
        'found "the task=1".',
        "/data/task=1/t.csv has no rows, task=1/t.csv and task=1.csv have none",
        "XPNET_BACKEND=numpy, my_backend=1, the-backend=2",
        "the column's cells: 'task=regression' and 'task=x'",
        "pass shape=(3, 4) or loss='mse'",
        "target=(1, 2)",
    ],
)
def test_names_code_and_other_keywords_stay(message):
    assert in_options(message, TRAIN) == message


def test_only_options_of_the_command_count():
    words = in_options("use task='regression', or encoding='cp1252'.", PREDICT)
    assert words == "use task='regression', or --encoding cp1252."


KEYWORD = re.compile(r"(?<![\w('\"?])[a-z_]+=")


def messages():
    """The texts in the room of tables that name a keyword, without docstrings."""
    for file in sorted((Path(xpnet.__file__).parent / "tabular").glob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        documented = (ast.FunctionDef, ast.ClassDef, ast.Module)
        named = [node for node in ast.walk(tree) if isinstance(node, documented)]
        docs = {ast.get_docstring(node, clean=False) for node in named}
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        for text in texts:
            if isinstance(text, str) and text not in docs and KEYWORD.search(text):
                yield text


def test_every_keyword_in_a_message_about_tables_is_an_option_of_train():
    found = list(messages())
    assert len(found) > 5
    left = [text for text in found if KEYWORD.search(in_options(text, TRAIN))]
    assert not [text for text in left if "savez(path, X=X" not in text]


TABLES = {
    "numbers and text": ("x,y\n1,2\n2,3\n3,b\n4,3\n", "--task classification"),
    "names of rows": (
        "x,y\n" + "\n".join(f"{i},name{i}" for i in range(50)),
        "--task classification",
    ),
    "decimal commas": (
        "x,y\n" + "\n".join(f'"{i},5","a{i % 2}"' for i in range(50)),
        "--decimal ','",
    ),
    "NUL": ("x,y\n1,\0\n", "--encoding"),
    "no UTF-8": ("x,y\né,1\n".encode() + b"\xe9,2\n", "--encoding"),
}


@pytest.mark.parametrize("name", TABLES)
def test_errors_of_train(capsys, tmp_path, name):
    text, words = TABLES[name]
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["train", str(path), "--epochs", "1"]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert not re.search(r" [a-z_]+=", err)


@pytest.mark.parametrize("part", ["--test", "--validation"])
def test_a_far_value_in_rows_to_measure_is_named(capsys, tmp_path, part):
    """The library's own remedy would be an argument of `Model.fit`."""
    train, other = tmp_path / "t.csv", tmp_path / "other.csv"
    train.write_text("x,y\n" + "\n".join(f"{i},{'ab'[i % 2]}" for i in range(40)))
    other.write_text("x,y\n1,a\n1e60,b\n")
    assert main(["train", str(train), "--epochs", "1", part, str(other)]) == 2
    assert f"{other}, line 3, column 'x': 1e+60 is too far" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_gap_in_the_rows_of_a_model_of_arrays_is_named(capsys, tmp_path, command):
    xpnet.MLP([2, 2]).build().save(tmp_path / "m.safetensors")
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n1,2,0\n3,,1\n" if command == "evaluate" else "a,b\n1,2\n3,\n")
    assert main([command, str(tmp_path / "m.safetensors"), str(path)]) == 2
    assert f"{path}, line 3, column 'b': expected a number" in capsys.readouterr().err


def test_warnings_name_options_too(capsys, monkeypatch, tmp_path):
    import warnings

    from xpnet.errors import DataWarning

    def read(*_):
        warnings.warn("odd cells: give encoding='cp1252'.", DataWarning, stacklevel=1)
        raise KeyboardInterrupt

    monkeypatch.setattr("xpnet.cli.train_command.load", read)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        main(["train", "digits"])
    assert "xpnet: warning: odd cells: give --encoding cp1252." in capsys.readouterr().err
