"""What a model computes, as one digest: the same for two bundles whose bytes differ by chance.

Saving one model twice gives different files: TensorFlow numbers functions, names nodes and orders
variables anew each time. None of that is looked at here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.files.durable_files import digest_tree

# attributes of an operation that name or place it and do not change what it computes
_NAMES = frozenset({"shared_name", "container", "debug_name", "config", "config_proto"})


def digest_model(functions: Mapping[str, Any], weights: Iterable[Any], saved: Path) -> str:
    """The sha256 of a model's signatures, preprocessing included, with the values they hold.

    Args:
        functions: the `tf.function`s of the signatures, by name.
        weights: variables, in the model's order: also those that no signature reads.
        saved: the SavedModel, for its assets, which are the vocabularies of lookup tables.
    """
    said = {name: _function(function) for name, function in sorted(functions.items())}
    assets = sorted(digest_tree(saved / "assets").values()) if (saved / "assets").is_dir() else []
    return _sha256([said, [_value(variable) for variable in weights], assets])


def _function(function: Any) -> list[Any]:
    """A function of one input signature: its graph, what it holds, and its outputs by name."""
    concrete = function.get_concrete_function()
    graph = concrete.graph.as_graph_def()
    variables = {id(variable.handle): variable for variable in concrete.variables}
    held = [variables.get(id(tensor), tensor) for tensor in concrete.captured_inputs]
    names = _numbered(graph.node, ())
    outputs = [
        (name, _reference(tensor.name, names))
        for name, tensor in sorted(concrete.structured_outputs.items())
    ]
    nodes = list(_Library(graph.library.function).nodes(graph.node, names))
    return [nodes, [_value(one) for one in held], outputs]


def _value(held: Any) -> list[Any]:
    """A variable or constant by what is in it; a table by being one: its content is an asset."""
    if held.dtype == "resource":
        return ["table"]
    array = held.numpy()
    content = array.tolist() if array.dtype == object else array.tobytes()
    return [str(array.dtype), list(array.shape), _sha256(content)]


class _Library:
    """The functions that a graph calls, each by what it does and not by its name."""

    def __init__(self, functions: Sequence[Any]) -> None:
        self._functions = {function.signature.name: function for function in functions}
        self._known: dict[str, str] = {}

    def nodes(self, nodes: Sequence[Any], names: Mapping[str, int]) -> Iterator[list[Any]]:
        """Each operation: its kind, where its inputs come from, and its attributes."""
        for node in nodes:
            attributes = [
                (name, self._attribute(value))
                for name, value in sorted(node.attr.items())
                if not name.startswith("_") and name not in _NAMES  # "_…": notes of TensorFlow's
            ]
            given = [_reference(name, names) for name in node.input]
            after = sorted(name for name in given if name.startswith("^"))  # listed by their names
            inputs = [name for name in given if not name.startswith("^")]
            yield [node.op, inputs, after, attributes]

    def _attribute(self, value: Any) -> Any:
        if value.HasField("func"):
            return self._digest(value.func.name)
        if value.list.func:
            return [self._digest(function.name) for function in value.list.func]
        return value.SerializeToString(deterministic=True)

    def _digest(self, name: str) -> str:
        if name not in self._known:
            function = self._functions[name]
            arguments = function.signature.input_arg
            names = _numbered(function.node_def, [argument.name for argument in arguments])
            given = [function.ret[output.name] for output in function.signature.output_arg]
            self._known[name] = _sha256(
                [
                    [argument.type for argument in arguments],
                    list(self.nodes(function.node_def, names)),
                    [_reference(output, names) for output in given],
                ]
            )
        return self._known[name]


def _numbered(nodes: Sequence[Any], arguments: Sequence[str]) -> dict[str, int]:
    """Arguments and operations by their place, for their names count up within a process."""
    return {name: n for n, name in enumerate([*arguments, *(node.name for node in nodes)])}


def _reference(text: str, names: Mapping[str, int]) -> str:
    """`NODE:OUTPUT:INDEX`, or `^NODE` for a mere order, with the node by its place."""
    name, _, output = text.removeprefix("^").partition(":")
    return f"{'^' * text.startswith('^')}{names[name]}:{output}"


def _sha256(content: Any) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()
