# SPDX-License-Identifier: Apache-2.0
"""The one graph type: a TFLite flatbuffer as small dataclasses to read, edit and write.

Passes are functions ``Graph -> Graph`` over these. Builtin options stay schema objects; custom
options are dicts, stored as FlexBuffer maps. Variables are TFLite resource variables, known by the
shared name of their VAR_HANDLE.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from converters.sharing_builder import SharingBuilder

FILE_IDENTIFIER = b"TFL3"
Made = TypeVar("Made")

FOR_EACH = "BiotrainForEach"
"""The op whose options name a ``subgraph`` to run ``count`` times, on slices of its tensors."""
FETCH = "BiotrainFetch"
"""The op that asks the application for a sample."""

_KIND_OF_CODE = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
_CODE_OF_KIND = {k: v for v, k in _KIND_OF_CODE.items()}
_TYPE_NAMES = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
_NUMPY_OF_TYPE: dict[str, np.dtype[Any]] = {
    "FLOAT32": np.dtype(np.float32),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
}


@dataclass(frozen=True)
class Tensor:
    """``type`` is the schema's name (FLOAT32, INT32, RESOURCE …); ``data`` is set for constants."""

    name: str
    shape: tuple[int, ...]
    type: str
    data: np.ndarray | None = None

    @cached_property
    def elements(self) -> int:
        return prod(self.shape)

    @cached_property
    def bytes(self) -> int:
        return 0 if self.type == "RESOURCE" else self.elements * _NUMPY_OF_TYPE[self.type].itemsize


@dataclass(frozen=True)
class Op:
    """``kind`` is a builtin's schema name or a custom code; missing optional inputs are -1."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any = None
    version: int = 1

    @property
    def custom(self) -> bool:
        return self.kind not in _CODE_OF_KIND


@dataclass(frozen=True)
class Subgraph:
    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gives for this subgraph, made once: it never changes. Schedules that are
        compared share most of their subgraphs.
        """
        known: dict[Hashable, Any] = self.__dict__.setdefault("_known", {})
        if key not in known:
            known[key] = make()
        return known[key]

    def variable_of_handle(self) -> dict[int, str]:
        """Shared variable name by the index of its RESOURCE tensor."""
        return {
            op.outputs[0]: op.options.sharedName.decode()
            for op in self.ops
            if op.kind == "VAR_HANDLE"
        }


class Same:
    """A key that is equal to one of the very same objects, and keeps them."""

    def __init__(self, objects: tuple[object, ...]) -> None:
        self._objects = objects

    def __hash__(self) -> int:
        return hash(tuple(map(id, self._objects)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same) or len(other._objects) != len(self._objects):
            return False
        pairs = zip(self._objects, other._objects, strict=True)
        return all(a is b for a, b in pairs)


@dataclass(frozen=True)
class Signature:
    """Names of a subgraph's inputs and outputs, to tensor indices."""

    key: str
    subgraph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


def bodies_under(subgraph: Subgraph, subgraphs: Sequence[Subgraph]) -> tuple[Subgraph, ...]:
    """The bodies of its loops, and of those in them, in the order of the ops."""
    found: list[Subgraph] = []
    for op in subgraph.ops:
        if op.kind == FOR_EACH:
            body = subgraphs[op.options["subgraph"]]
            found += [body, *bodies_under(body, subgraphs)]
    return tuple(found)


@dataclass(frozen=True)
class Graph:
    subgraphs: tuple[Subgraph, ...]
    signatures: dict[str, Signature]
    description: str = ""
    metadata: dict[str, bytes] = field(default_factory=dict)

    def subgraph_of(self, key: str) -> Subgraph:
        return self.subgraphs[self.signatures[key].subgraph]

    def with_subgraph(self, index: int, subgraph: Subgraph) -> Graph:
        subgraphs = list(self.subgraphs)
        subgraphs[index] = subgraph
        return replace(self, subgraphs=tuple(subgraphs))

    def op_kinds(self) -> list[str]:
        """Every op kind in the file, sorted."""
        return sorted({op.kind for subgraph in self.subgraphs for op in subgraph.ops})

    def runs(self, subgraph: int, times: int = 1) -> Iterator[tuple[int, int, int]]:
        """(subgraph, place, how often) of every op that a call of ``subgraph`` runs, bodies of
        loops included.
        """
        for place, op in enumerate(self.subgraphs[subgraph].ops):
            yield subgraph, place, times
            if op.kind == FOR_EACH:
                yield from self.runs(op.options["subgraph"], times * op.options["count"])

    def loops_around(self, index: int) -> dict[int, int]:
        """Of a subgraph and the bodies of its loops: how many loops are around each."""
        found = {index: 0}
        waiting = [index]
        while waiting:
            at = waiting.pop()
            for op in self.subgraphs[at].ops:
                if op.kind == FOR_EACH:
                    found[op.options["subgraph"]] = found[at] + 1
                    waiting.append(op.options["subgraph"])
        return found

    def bodies(self) -> set[int]:
        """The subgraphs that are bodies of loops."""
        return {
            op.options["subgraph"] for s in self.subgraphs for op in s.ops if op.kind == FOR_EACH
        }

    def init_subgraph(self) -> int | None:
        """The subgraph that CALL_ONCE runs to give variables their first values."""
        for subgraph in self.subgraphs:
            for op in subgraph.ops:
                if op.kind == "CALL_ONCE":
                    return int(op.options.initSubgraphIndex)
        return None


def read(data: bytes) -> Graph:
    """Parse a flatbuffer that TensorFlow or ``write`` made."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(data), 0))
    codes = [_kind(code) for code in model.operatorCodes]
    versions = [code.version for code in model.operatorCodes]
    subgraphs = tuple(_read_subgraph(s, codes, versions, model.buffers) for s in model.subgraphs)
    signatures = {}
    for s in model.signatureDefs or []:
        key = s.signatureKey.decode()
        names = (
            {t.name.decode(): int(t.tensorIndex) for t in side or []}
            for side in (s.inputs, s.outputs)
        )
        signatures[key] = Signature(key, int(s.subgraphIndex), *names)
    metadata = {
        m.name.decode(): bytes(model.buffers[m.buffer].data)
        for m in model.metadata or []
        if m.name is not None
    }
    return Graph(subgraphs, signatures, (model.description or b"").decode(), metadata)


def _kind(code: Any) -> str:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    return (
        code.customCode.decode()
        if builtin == schema.BuiltinOperator.CUSTOM
        else _KIND_OF_CODE[builtin]
    )


def _ints(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(v) for v in values)


def _read_subgraph(
    subgraph: Any, codes: list[str], versions: list[int], buffers: list[Any]
) -> Subgraph:
    tensors = []
    for t in subgraph.tensors:
        kind = _TYPE_NAMES[t.type]
        raw = buffers[t.buffer].data
        data = None
        if raw is not None and len(raw) > 0:
            data = np.frombuffer(bytes(raw), _NUMPY_OF_TYPE[kind]).reshape(_ints(t.shape))
        elif t.buffer and 0 in _ints(t.shape):
            data = np.zeros(_ints(t.shape), _NUMPY_OF_TYPE[kind])
        tensors.append(Tensor((t.name or b"").decode(), _ints(t.shape), kind, data))
    ops = []
    for o in subgraph.operators or []:
        options = o.builtinOptions
        if codes[o.opcodeIndex] not in _CODE_OF_KIND:
            raw = o.customOptions
            options = flexbuffers.Loads(bytes(raw)) if raw is not None and len(raw) else {}
        ops.append(
            Op(
                codes[o.opcodeIndex],
                _ints(o.inputs),
                _ints(o.outputs),
                options,
                versions[o.opcodeIndex],
            )
        )
    name = (subgraph.name or b"").decode()
    return Subgraph(
        name, tuple(tensors), tuple(ops), _ints(subgraph.inputs), _ints(subgraph.outputs)
    )


def write(graph: Graph) -> bytes:
    """Serialise; equal constants share one buffer, equal tables one place. A tensor without a name
    has none in the file.
    """
    return _Writer(graph).build()


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._model = schema.ModelT()
        self._buffers: dict[bytes, int] = {}
        self._codes: dict[tuple[str, int], int] = {}

    def build(self) -> bytes:
        model, graph = self._model, self._graph
        model.version = 3
        model.description = graph.description.encode()
        model.buffers = [schema.BufferT()]
        model.operatorCodes = []
        model.subgraphs = [self._subgraph(s) for s in graph.subgraphs]
        model.signatureDefs = [self._signature(s) for s in graph.signatures.values()]
        model.metadata = [self._metadata(k, v) for k, v in graph.metadata.items()]
        builder = SharingBuilder(1 << 16)
        builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def _buffer(self, data: bytes) -> int:
        if data not in self._buffers:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data, np.uint8)
            self._model.buffers.append(buffer)
            self._buffers[data] = len(self._model.buffers) - 1
        return self._buffers[data]

    def _code(self, op: Op) -> int:
        key = (op.kind, op.version)
        if key not in self._codes:
            code = schema.OperatorCodeT()
            builtin = _CODE_OF_KIND.get(op.kind, schema.BuiltinOperator.CUSTOM)
            code.builtinCode = builtin
            code.deprecatedBuiltinCode = min(builtin, 127)
            code.version = op.version
            if op.custom:
                code.customCode = op.kind.encode()
            self._model.operatorCodes.append(code)
            self._codes[key] = len(self._model.operatorCodes) - 1
        return self._codes[key]

    def _subgraph(self, subgraph: Subgraph) -> Any:
        out = schema.SubGraphT()
        out.name = subgraph.name.encode()
        out.inputs = np.array(subgraph.inputs, np.int32)
        out.outputs = np.array(subgraph.outputs, np.int32)
        out.tensors = [self._tensor(t) for t in subgraph.tensors]
        out.operators = [self._op(o) for o in subgraph.ops]
        return out

    def _tensor(self, tensor: Tensor) -> Any:
        out = schema.TensorT()
        if tensor.name:
            out.name = tensor.name.encode()
        out.shape = np.array(tensor.shape, np.int32)
        out.type = getattr(schema.TensorType, tensor.type)
        out.hasRank = True
        out.buffer = (
            0 if tensor.data is None else self._buffer(np.ascontiguousarray(tensor.data).tobytes())
        )
        return out

    def _op(self, op: Op) -> Any:
        out = schema.OperatorT()
        out.opcodeIndex = self._code(op)
        out.inputs = np.array(op.inputs, np.int32)
        out.outputs = np.array(op.outputs, np.int32)
        if op.custom:
            out.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(op.options or {})), np.uint8)
        elif op.options is not None:
            out.builtinOptions = op.options
            out.builtinOptionsType = getattr(schema.BuiltinOptions, type(op.options).__name__[:-1])
        return out

    def _signature(self, signature: Signature) -> Any:
        out = schema.SignatureDefT()
        out.signatureKey = signature.key.encode()
        out.subgraphIndex = signature.subgraph
        out.inputs = list(_tensor_maps(signature.inputs))
        out.outputs = list(_tensor_maps(signature.outputs))
        return out

    def _metadata(self, name: str, data: bytes) -> Any:
        out = schema.MetadataT()
        out.name = name.encode()
        out.buffer = self._buffer(data)
        return out


def _tensor_maps(names: dict[str, int]) -> Iterator[Any]:
    for name, index in names.items():
        out = schema.TensorMapT()
        out.name = name.encode()
        out.tensorIndex = index
        yield out
