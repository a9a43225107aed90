"""Digest what a model computes: two bundles of one model have the same digest.

Saving one model twice gives different files, because TensorFlow numbers functions, names nodes and
orders variables differently each time. The digest does not depend on these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.files.durable_files import digest_tree

# attributes of an operation that do not change what it computes: names and placement
_NAMES = frozenset({"shared_name", "container", "debug_name", "config", "config_proto"})


def digest_model(functions: Mapping[str, Any], weights: Iterable[Any], saved: Path) -> str:
    """Digest a model's signatures, preprocessing included, and the values of its variables.

    Args:
        functions: the `tf.function`s of the signatures, by name.
        weights: variables, in the model's order, including those that no signature reads.
        saved: the SavedModel's folder, for its assets: the vocabularies of lookup tables.
    """
    signatures = {
        name: _describe_function(function) for name, function in sorted(functions.items())
    }
    assets = sorted(digest_tree(saved / "assets").values()) if (saved / "assets").is_dir() else []
    return _sha256([signatures, [_describe_value(variable) for variable in weights], assets])


def _describe_function(function: Any) -> list[Any]:
    """Describe a `tf.function`: its graph, its captured values, and its outputs by name."""
    concrete = function.get_concrete_function()
    graph = concrete.graph.as_graph_def()
    variables = {id(variable.handle): variable for variable in concrete.variables}
    captured = [variables.get(id(tensor), tensor) for tensor in concrete.captured_inputs]
    names = _number_nodes(graph.node, ())
    outputs = [
        (name, _format_reference(tensor.name, names))
        for name, tensor in sorted(concrete.structured_outputs.items())
    ]
    nodes = list(_Library(graph.library.function).describe_nodes(graph.node, names))
    return [nodes, [_describe_value(value) for value in captured], outputs]


def _describe_value(value: Any) -> list[Any]:
    """Describe a variable or constant by its content; the content of a table is an asset."""
    if value.dtype == "resource":
        return ["table"]
    array = value.numpy()
    content = array.tolist() if array.dtype == object else array.tobytes()
    return [str(array.dtype), list(array.shape), _sha256(content)]


class _Library:
    """The functions that a graph calls, described by their content instead of their names."""

    def __init__(self, functions: Sequence[Any]) -> None:
        self._functions = {function.signature.name: function for function in functions}
        self._digests: dict[str, str] = {}

    def describe_nodes(self, nodes: Sequence[Any], names: Mapping[str, int]) -> Iterator[list[Any]]:
        """Yield the type, inputs and attributes of each operation."""
        for node in nodes:
            attributes = [
                (name, self._describe_attribute(value))
                for name, value in sorted(node.attr.items())
                if not name.startswith("_")
                and name not in _NAMES  # "_…": annotations of TensorFlow
            ]
            references = [_format_reference(name, names) for name in node.input]
            controls = sorted(name for name in references if name.startswith("^"))
            inputs = [name for name in references if not name.startswith("^")]
            yield [node.op, inputs, controls, attributes]

    def _describe_attribute(self, value: Any) -> Any:
        if value.HasField("func"):
            return self._digest(value.func.name)
        if value.list.func:
            return [self._digest(function.name) for function in value.list.func]
        return value.SerializeToString(deterministic=True)

    def _digest(self, name: str) -> str:
        if name not in self._digests:
            function = self._functions[name]
            arguments = function.signature.input_arg
            names = _number_nodes(function.node_def, [argument.name for argument in arguments])
            outputs = [function.ret[output.name] for output in function.signature.output_arg]
            self._digests[name] = _sha256(
                [
                    [argument.type for argument in arguments],
                    list(self.describe_nodes(function.node_def, names)),
                    [_format_reference(output, names) for output in outputs],
                ]
            )
        return self._digests[name]


def _number_nodes(nodes: Sequence[Any], arguments: Sequence[str]) -> dict[str, int]:
    """Number arguments and operations by position, because their names vary within a process."""
    return {name: n for n, name in enumerate([*arguments, *(node.name for node in nodes)])}


def _format_reference(text: str, names: Mapping[str, int]) -> str:
    """Replace the node's name by its number in `NODE:OUTPUT:INDEX`, or `^NODE` (control input)."""
    name, _, output = text.removeprefix("^").partition(":")
    return f"{'^' * text.startswith('^')}{names[name]}:{output}"


def _sha256(content: Any) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()
