"""Progress on a terminal: one line, rewritten in place."""

import io
import os

import pytest

from xpnet.cli import live_line
from xpnet.cli.live_line import columns
from xpnet.cli.words import clean, columns_of, fit, listed, table


class Terminal(io.StringIO):
    """A terminal of some width."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Train with the standard output and error on a terminal; return what was written to each."""

    def terminal(run, width, *arguments):
        monkeypatch.setattr(live_line, "columns", lambda _: width)
        monkeypatch.setattr(live_line, "_PAUSE", 0.0)
        streams = Terminal(width), Terminal(width)
        monkeypatch.setattr("sys.stdout", streams[0])
        monkeypatch.setattr("sys.stderr", streams[1])
        from xpnet.cli import main

        assert main(["train", *map(str, arguments)]) == 0
        return tuple(stream.getvalue() for stream in streams)

    return terminal


@pytest.mark.parametrize("width", [80, 40, 20])
def test_one_line_that_fits(terminal, run, classes_csv, width):
    out, err = terminal(run, width, classes_csv, "--epochs", 30)
    lines = [line for line in err.split("\r") if line.strip()]
    assert "\n" not in err
    assert len(lines) > 10
    assert max(map(len, lines)) < width
    assert lines[0].startswith("epoch ")
    assert lines[-1].startswith("epoch 30/30")
    assert ("left" in lines[-1]) is (width > 20)
    assert ("test accuracy" in lines[-1]) is (width > 40)
    assert err.endswith("\r")  # the line is erased in the end
    assert "val_loss" not in out, "no row for each epoch"
    assert "trained for 30 epochs" in out


def test_rows_for_a_file_and_the_line_for_the_terminal(monkeypatch, capsys, classes_csv):
    """As in ``xpnet train ... > log``."""
    from xpnet.cli import main

    screen = Terminal(80)
    monkeypatch.setattr("sys.stderr", screen)
    assert main(["train", classes_csv, "--epochs", "3"]) == 0
    out = capsys.readouterr().out
    assert out.count("val_loss") == 1
    assert "epoch 3/3" in screen.getvalue()


def test_values_are_shown_in_their_units(terminal, run, values_csv):
    _, err = terminal(run, 80, values_csv, "--epochs", 1)
    last = [line for line in err.split("\r") if "test loss" in line][-1]
    assert float(last.split("test loss ")[1].split()[0]) > 100, "1000 +- 50, not standardized"


def test_the_width_of_a_terminal(monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((30, 5)))
    with open(os.devnull) as stream:
        assert columns(stream) == 30
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((200, 5)))
    with open(os.devnull) as stream:
        assert columns(stream) == 80
    assert columns(io.StringIO()) == 80


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600 * 2 + 62, "2:01:02")]
)
def test_times(seconds, text):
    assert live_line._clock(seconds) == text


def test_texts_are_cut_to_the_columns_that_they_take():
    assert columns_of("abc") == 3
    assert columns_of("\u6771\u4eac") == 4
    assert columns_of("e\u0301") == 1
    assert fit("abcdef", 6) == "abcdef"
    assert fit("abcdefg", 6) == "abcd.."
    assert fit("\u6771\u4eac\u90fd", 5) == "\u6771.."
    assert clean("a\x1b[2Jb\n") == "a?[2Jb?"


def test_lists_say_how_many_more_there_are():
    assert listed(["a", "b"], 10) == "a, b"
    assert listed(range(1000), 30) == "0, 1, 2, 3, 4, 5, ... 994 more"
    assert listed(range(1000), 29) == "0, 1, 2, 3, 4, ... 995 more"
    assert listed(["x" * 50], 10) == "xxxxxxxx.."
    assert listed([], 10) == ""


def test_columns_of_a_table_are_aligned():
    rows = [["name", "n"], ["\u6771\u4eac", "12"], ["abcdef", "3"]]
    assert table(rows) == ["name     n", "\u6771\u4eac    12", "abcdef   3"]
