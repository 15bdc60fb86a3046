from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from sim.networks import resnet18
from sim.workload import LayerOp
from sim.workload_files import WorkloadError, read_workloads


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_scale_sim_products(tmp_path: Path) -> None:
    path = written(tmp_path, "bert.csv", "Layer, M, N, K,\nqkv, 128, 2304, 768,\n\nout, 128, 768, 768\n")
    (found,) = read_workloads(path)
    assert found.name == "bert"
    assert found.ops == (LayerOp("qkv", 128, 768, 2304, 1), LayerOp("out", 128, 768, 768, 1))


def test_scale_sim_convolutions(tmp_path: Path) -> None:
    header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
    path = written(tmp_path, "net.csv", header + "Conv1, 230, 230, 7, 7, 3, 64, 2,\nfc, 1, 1, 1, 1, 512, 1000, 1,\n")
    (found,) = read_workloads(path)
    assert [(op.m, op.k, op.n) for op in found.ops] == [(112 * 112, 147, 64), (1, 512, 1000)]
    assert found.ops[0].macs == resnet18().ops[0].macs


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "a.csv: it is empty"),
        ("a.csv", "Layer, M, N, K\n", "a.csv:1: there is no layer"),
        ("a.csv", "Layer, K, N\n", "a.csv:1: the columns are not SCALE-Sim's"),
        ("a.csv", "Layer, M, N, K\nx, 1, 0, 3\n", "a.csv:2: n is '0': expected a whole number above 0"),
        ("a.csv", "Layer, M, N, K\nx, 1, 2\n", "a.csv:2: k is ''"),
        ("a.csv", "Layer, M, N, K\nx, \u00b2, 1, 3\n", "a.csv:2: m is '\u00b2'"),
        ("a.csv", f"Layer, M, N, K\nx, {'9' * 5000}, 1, 3\n", "a.csv:2: m is '9999"),
        ("a.csv", f"Layer, M, N, K\n{'x' * 200_000}, 1, 1, 3\n", "a.csv:2: not a table"),
        ("a.csv", 'Layer, M, N, K\n"x, 1, 1, 3\n', "a.csv:2: not a table of comma-separated values"),
        ("a.json", "{", "a.json: not a workload"),
        ("a.json", "[" * 100_000, "a.json: not a workload"),
        ("a.json", json.dumps(resnet18().to_json() | {"name": "../a"}), "it must do for a file's name"),
        ("a.json", json.dumps(resnet18().to_json() | {"ops": [["a", 1, -3, 4, 1]]}), "-3 is no size or count"),
        ("a.json", json.dumps(resnet18().to_json() | {"ops": [["a", 1, "3", 4, 1]]}), "'3' is no size or count"),
        ("a.json", json.dumps(resnet18().to_json() | {"ops": [["a", 1, 3, 4, 1, "x"]]}), "'x' is no kind"),
        ("a.json", json.dumps(resnet18().to_json() | {"moved": {"a": -1.5}}), "-1.5 is no count"),
        ("a.json", '{"x": 3}', "a.json: not a workload"),
        ("a.onnx", "hello", "a.onnx: not an ONNX model"),
        ("a.onnx", "", "a.onnx: not an ONNX model"),
        ("a.txt", "", "ends in .csv, .onnx, .py, .json"),
    ],
)
def test_a_wrong_file_is_named_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(WorkloadError) as error:
        read_workloads(written(tmp_path, name, text))
    assert said in str(error.value)
    assert error.value.exit_code == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="No such file"):
        read_workloads(tmp_path / "none.csv")


def test_json_of_one_and_of_several_workloads(tmp_path: Path) -> None:
    one = resnet18().to_json()
    assert read_workloads(written(tmp_path, "one.json", json.dumps(one))) == [resnet18()]
    assert read_workloads(written(tmp_path, "two.json", json.dumps({"a": one, "b": one}))) == [resnet18()] * 2


def tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def saved(folder: Path, nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto]) -> Path:
    out = [tensor("y")]
    out[0].type.tensor_type.ClearField("shape")
    path = folder / "model.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "graph", inputs, out)), path)
    return path


def test_onnx_products_are_those_of_the_operators(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", strides=[2, 2], pads=[1, 1, 1, 1], group=2),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "g", "b"], ["y"], "fc", transB=1),
    ]
    inputs = [tensor("x", "batch", 4, 9, 9), tensor("w", 6, 2, 3, 3), tensor("g", 10, 150), tensor("b", 10)]
    (found,) = read_workloads(saved(tmp_path, nodes, inputs), batch=3)
    assert found.ops == (LayerOp("conv", 3 * 25, 18, 3, 2, "conv"), LayerOp("fc", 3, 150, 10, 1))
    assert (found.other_ops, found.moved) == ({"Relu": 450}, {"Flatten": 450})


@pytest.mark.parametrize(
    ("left", "right", "op"),
    [
        ((5, 7), (7, 3), (5, 7, 3, 1)),
        ((2, 4, 5, 7), (7, 3), (40, 7, 3, 1)),
        ((2, 4, 5, 7), (2, 4, 7, 3), (5, 7, 3, 8)),
        ((5, 7), (4, 7, 3), (5, 7, 3, 4)),
        ((5, 7), (7,), (5, 7, 1, 1)),
    ],
)
def test_onnx_matmul_is_counted_as_numpy_multiplies(
    tmp_path: Path, left: tuple[int, ...], right: tuple[int, ...], op: tuple[int, int, int, int]
) -> None:
    node = helper.make_node("MatMul", ["a", "b"], ["y"], "product")
    (found,) = read_workloads(saved(tmp_path, [node], [tensor("a", *left), tensor("b", *right)]))
    assert found.ops == (LayerOp("product", *op),)


def test_onnx_of_integers_has_the_same_products(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMulInteger", ["f", "g"], ["i"], "fc"),
        helper.make_node("Cast", ["i"], ["y"], to=1),
    ]
    shapes: dict[str, tuple[int, ...]] = {"x": (2, 3, 8, 8), "z": (), "w": (6, 3, 3, 3), "g": (384, 10)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT8, shape) for name, shape in shapes.items()]
    (found,) = read_workloads(saved(tmp_path, nodes, [*inputs, tensor("s")]))
    assert found.ops == (LayerOp("conv", 2 * 64, 27, 6, 1, "conv"), LayerOp("fc", 2, 384, 10, 1))


def test_onnx_with_products_that_are_not_worked_out_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Einsum", ["a", "b"], ["y"], "mix", equation="ij,jk->ik")
    with pytest.raises(WorkloadError, match="node mix: the products in Einsum are not worked out"):
        read_workloads(saved(tmp_path, [node], [tensor("a", 3, 4), tensor("b", 4, 2)]))


def test_onnx_of_unknown_shape_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("NonZero", ["a"], ["n"]), helper.make_node("Cast", ["n"], ["f"], to=1)]
    nodes.append(helper.make_node("MatMul", ["f", "b"], ["y"], "product"))
    with pytest.raises(WorkloadError, match="node product: its shapes are not known"):
        read_workloads(saved(tmp_path, nodes, [tensor("a", 3, 4), tensor("b", 5, 2)]))


JAX = """
import jax.numpy as jnp

def function(x, weights):
    return jnp.maximum(x @ weights, 0.0)

args = (jnp.zeros((5, 7)), jnp.zeros((7, 3)))
"""


def test_a_jax_function_of_a_python_file_is_traced(tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(JAX)
    (found,) = read_workloads(file)
    assert (found.name, [op[1:] for op in map(astuple, found.ops)]) == ("layer", [(5, 7, 3, 1, "gemm")])
    assert found.other_ops == {"max": 15}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("args = ()\n", "there is no 'function'"),
        ("function = abs\n", "there is no 'args'"),
        ("import sys\nsys.exit(0)\n", "it cannot be run and traced: SystemExit: 0"),
        ("1 / 0\n", "it cannot be run and traced: ZeroDivisionError: division by zero"),
        ("def function(\n", "it cannot be run and traced: SyntaxError"),
        ("function, args = float, ('x',)\n", "it cannot be run and traced: "),
    ],
)
def test_a_python_file_without_a_function_is_one_error(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "layer.py"
    file.write_text(text)
    with pytest.raises(WorkloadError, match=said):
        read_workloads(file)
