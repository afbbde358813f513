"""Networks in ONNX files: located, changed, and run by onnxruntime, an extra.

A file is one message of Protocol Buffers; the numbers of its fields are those of onnx.proto, version 1 of the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dockvoice_protocol.errors import Misconfigured
from edge.config import Settings
from edge.understand.local.weights import find_model, locate

_GRAPH = 7  # Of a model.
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 1, 5, 11, 12, 13  # Of a graph.
_NODE_INPUT, _NODE_OPERATOR = 1, 4
_TENSOR_DIMENSION, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_DATA = 1, 2, 8, 9
_FLOAT = 1
_ELEMENT_TYPES = {np.dtype(np.float32): _FLOAT, np.dtype(np.int64): 7}

_BYTES = 2  # The wire type of texts and messages, which begin with their length. All others here are integers.


def locate_network(model: str, wanted: bool | Literal["auto"], settings: Settings) -> Path | None:
    """The weights of a network; None where it is off, or not all that it needs is installed.

    Its key in `[understand]` and its extra are named as the model in `config/models.toml`. Raises Misconfigured where
    it is required but unusable.
    """
    weights = None if wanted is False else locate(find_model(model), settings.models)
    if weights is not None and find_spec("onnxruntime") is not None:
        return weights
    if wanted is True:
        remedy = f"run `dockvoice models get {model}`" if weights is None else f"pip install 'dockvoice[{model}]'"
        key = model.replace("-", "_")
        raise Misconfigured(f"understand.{key} = true: not all that it needs is installed; {remedy}")
    return None


def load_session(network: Path | bytes, weights: Path) -> Any:
    """Load a network from a file of these weights, or its content. Raises Misconfigured where it cannot be loaded."""
    import onnxruntime  # noqa: PLC0415 - an extra: 78 MB that not every site wants

    options = onnxruntime.SessionOptions()
    # In the thread that hears: another one would take a second core while the recogniser decodes.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # Memory laid out ahead: 7 MB more of 47 for the wearer's voice, and no faster.
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # noqa: BLE001 - its errors share no parent of their own
        raise Misconfigured(f"{weights}: {fault}; remove the directory and fetch the weights again") from None


def change_network(
    content: bytes,
    *,
    tensors: Mapping[str, npt.NDArray[Any]],
    second_inputs: Mapping[tuple[str, str], str],
    shapes: Mapping[str, Sequence[int]],
) -> bytes:
    """The file's network with other constants and shapes.

    `tensors`: constants that are replaced, or added under a new name. `second_inputs`: what a node's second input
    becomes, by the node's operator and the input so far. `shapes`: of the network's own inputs and outputs, 32-bit
    floats. Shapes of what is within the network are left out: they are worked out when it is loaded.
    """
    graph: list[_Field] = []
    for number, found in _fields(dict(_fields(content))[_GRAPH]):
        if number == _NODE:
            graph.append((number, _change_node(found, second_inputs)))
        elif number in (_INPUT, _OUTPUT):
            name = dict(_fields(found))[1].decode()
            graph.append((number, _encode_shape(name, shapes[name]) if name in shapes else found))
        elif number == _INITIALIZER:
            if dict(_fields(found))[_TENSOR_NAME].decode() not in tensors:
                graph.append((number, found))
        elif number != _VALUE_INFO:
            graph.append((number, found))
    graph += [(_INITIALIZER, _encode_tensor(name, values)) for name, values in tensors.items()]
    return _message((number, _message(graph) if number == _GRAPH else found) for number, found in _fields(content))


def _change_node(node: bytes, second_inputs: Mapping[tuple[str, str], str]) -> bytes:
    fields = list(_fields(node))
    operator = dict(fields)[_NODE_OPERATOR].decode()
    _, *second = (at for at, (number, _) in enumerate(fields) if number == _NODE_INPUT)
    if second:
        name = fields[second[0]][1].decode()
        fields[second[0]] = _NODE_INPUT, second_inputs.get((operator, name), name).encode()
    return _message(fields)


def _encode_tensor(name: str, values: npt.NDArray[Any]) -> bytes:
    sizes = [(_TENSOR_DIMENSION, size) for size in values.shape]
    element = _TENSOR_TYPE, _ELEMENT_TYPES[values.dtype]
    return _message([*sizes, element, (_TENSOR_NAME, name.encode()), (_TENSOR_DATA, values.tobytes())])


def _encode_shape(name: str, shape: Sequence[int]) -> bytes:
    """A ValueInfoProto: a name, and a TypeProto with the element type and the dimensions of a tensor."""
    dimensions = _message([(1, _message([(1, size)])) for size in shape])
    return _message([(1, name.encode()), (2, _message([(1, _message([(1, _FLOAT), (2, dimensions)]))]))])


_Field = tuple[int, Any]  # A field's number, and its integer or bytes.


def _fields(message: bytes) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        found, at = _varint(message, at)
        if key & 7 == _BYTES:
            yield key >> 3, message[at : at + found]
            at += found
        else:
            yield key >> 3, found


def _message(fields: Iterable[_Field]) -> bytes:
    written = bytearray()
    for number, found in fields:
        if isinstance(found, bytes):
            written += _encode_varint(number << 3 | _BYTES) + _encode_varint(len(found)) + found
        else:
            written += _encode_varint(number << 3) + _encode_varint(found)
    return bytes(written)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The integer at this place, seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] <= 0x7F:  # noqa: PLR2004 - the last byte's high bit is not set
            return value, at


def _encode_varint(value: int) -> bytes:
    low = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*low, value))
