"""`xpnet export`: files for other libraries, with the preparation of a table's columns."""

import numpy as np
import pytest
from safetensors.numpy import load_file

import xpnet as xn
from xpnet.cli import main


@pytest.fixture
def trained(run, classes_csv, tmp_path):
    """The file of a model that `xpnet train` made of a table."""
    file = tmp_path / "kinds.safetensors"
    run("train", classes_csv, "--hidden", "4", "--epochs", "2", "--save", file)
    return file


def refused(capsys, *arguments):
    assert main([*map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_a_table_model_for_onnx(run, trained, classes_csv):
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert run("export", trained, "--to", "onnx").out == f"onnx: {trained.with_suffix('.onnx')}\n"
    X = np.loadtxt(classes_csv, delimiter=",", skiprows=1, usecols=(0, 1))
    session = runtime.InferenceSession(
        trained.with_suffix(".onnx"), providers=["CPUExecutionProvider"]
    )
    labels, shares = session.run(None, {"x": X})
    model = xn.load(trained)
    table = xn.tabular.as_table({"f0": X[:, 0], "f1": X[:, 1]})
    assert (labels == model.predict(table)).all()
    np.testing.assert_allclose(shares, model.predict_proba(table), atol=1e-6)


def test_a_table_model_for_torch(run, trained, classes_csv):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    run("export", trained, "--to", "torch")
    program = torch.export.load(trained.with_suffix(".pt2")).module()
    X = np.loadtxt(classes_csv, delimiter=",", skiprows=1, usecols=(0, 1))
    expected = xn.load(trained).predict_proba({"f0": X[:, 0], "f1": X[:, 1]})
    np.testing.assert_allclose(program(torch.from_numpy(X)).detach(), expected, atol=1e-6)


def test_any_other_model_for_torch(run, tmp_path):
    model = xn.MLP([4, 3, 2])
    model.save(tmp_path / "net.safetensors")
    out = run("export", tmp_path / "net.safetensors", "--to", "torch").out
    file = tmp_path / "net.torch.safetensors"
    assert out == f"torch: {file}\n"
    arrays = load_file(file)
    np.testing.assert_array_equal(arrays["0.weight"], model.parameters["layers.0.weight"].T)
    (plain := tmp_path / "plain").touch()
    assert file.stat().st_mode == plain.stat().st_mode, "others may read it, as any other file"


def test_probabilities_for_onnx(run, tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    xn.MLP([4, 3, 2]).save(tmp_path / "net.safetensors")
    out = tmp_path / "p.onnx"
    run("export", tmp_path / "net.safetensors", "--to", "onnx", "--out", out, "--probabilities")
    assert onnx.load(out).graph.node[-1].op_type == "Softmax"


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_the_model_itself_is_not_replaced(capsys, tmp_path, to):
    file = tmp_path / "net.safetensors"
    xn.MLP([4, 3, 2]).save(file)
    before = file.read_bytes()
    assert "the model itself" in refused(capsys, "export", file, "--to", to, "--out", file)
    assert file.read_bytes() == before


def test_probabilities_are_for_onnx(capsys, tmp_path):
    xn.MLP([4, 3, 2]).save(file := tmp_path / "net.safetensors")
    assert "only with --to onnx" in refused(
        capsys, "export", file, "--to", "torch", "--probabilities"
    )
    assert [*tmp_path.iterdir()] == [file]


def test_a_folder_that_is_not_there(capsys, tmp_path):
    xn.MLP([4, 3, 2]).save(file := tmp_path / "net.safetensors")
    out = tmp_path / "no" / "net.torch"
    assert "there is no folder" in refused(capsys, "export", file, "--to", "torch", "--out", out)
