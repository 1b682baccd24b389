#!/usr/bin/env python3
"""Reference forward pass of the `bitnet-b1.58` architecture in numpy, straight from a GGUF file.

Independent of the trainer: its own GGUF reader and I2_S unpacking, float32 arithmetic throughout.
It is slow and simple on purpose; use it to check an inference engine.

Usage: reference.py MODEL.gguf COUNT ID [ID ...]     greedy continuation of the given token ids
"""

from __future__ import annotations

import math
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SCALAR_FORMATS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
STRING, ARRAY = 8, 9
FLOAT_DTYPES = {0: "<f4", 1: "<f2"}
I2_S = 36
DEFAULT_ALIGNMENT = 32


@dataclass(frozen=True)
class TernaryMatrix:
    """Codes -1/0/1 (as float32, so that products use BLAS) and the scale that multiplies them."""

    codes: np.ndarray
    scale: np.float32


class GgufReader:
    """Parses a whole GGUF v3 file: `metadata`, float tensors and ternary matrices."""

    def __init__(self, path: str | Path) -> None:
        self._data = Path(path).read_bytes()
        self._at = 0
        if self._take("4s") != b"GGUF" or self._take("I") != 3:
            raise ValueError("not a GGUF v3 file")
        tensor_count, value_count = self._take("Q"), self._take("Q")
        self.metadata: dict[str, Any] = {}
        for _ in range(value_count):
            key = self._string()
            self.metadata[key] = self._value(self._take("I"))
        infos = [self._tensor_info() for _ in range(tensor_count)]
        alignment = self.metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        start = -(-self._at // alignment) * alignment
        self.floats: dict[str, np.ndarray] = {}
        self.ternary: dict[str, TernaryMatrix] = {}
        for name, shape, kind, offset in infos:
            if kind == I2_S:
                self.ternary[name] = self._ternary(shape, start + offset)
            else:
                self.floats[name] = self._float(shape, kind, start + offset)

    def _take(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self._data, self._at)
        self._at += struct.calcsize("<" + code)
        return value

    def _string(self) -> str:
        size = self._take("Q")
        return self._take(f"{size}s").decode()

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            element, count = self._take("I"), self._take("Q")
            return [self._value(element) for _ in range(count)]
        return self._take(SCALAR_FORMATS[kind])

    def _tensor_info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        dims = [self._take("Q") for _ in range(self._take("I"))]
        return name, tuple(reversed(dims)), self._take("I"), self._take("Q")

    def _float(self, shape: tuple[int, ...], kind: int, start: int) -> np.ndarray:
        if kind not in FLOAT_DTYPES:
            raise ValueError(f"tensor type {kind} is not supported")
        values = np.frombuffer(self._data, FLOAT_DTYPES[kind], math.prod(shape), start)
        return values.astype(np.float32).reshape(shape)

    def _ternary(self, shape: tuple[int, ...], start: int) -> TernaryMatrix:
        packed = np.frombuffer(self._data, np.uint8, math.prod(shape) // 4, start)
        scale = np.frombuffer(self._data, "<f4", 1, start + len(packed))[0]
        return TernaryMatrix(unpack_i2_s(packed).reshape(shape), scale)


def unpack_i2_s(packed: np.ndarray) -> np.ndarray:
    """Weight p of a block of 128 is in byte p % 32, the first 32 weights in the top two bits."""
    blocks = packed.reshape(-1, 1, 32)
    shifts = np.array([6, 4, 2, 0], np.uint8).reshape(1, 4, 1)
    return ((blocks >> shifts) & 3).astype(np.float32).reshape(-1) - 1


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: np.float32) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def quantise(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Absmax int8 per token: whole numbers (as float32) and 127 / absmax. Ties round to even."""
    factor = np.float32(127) / np.maximum(np.abs(x).max(axis=-1, keepdims=True), np.float32(1e-5))
    return np.clip(np.rint(x * factor), -128, 127), factor


def bit_linear(x: np.ndarray, matrix: TernaryMatrix) -> np.ndarray:
    """The sums are whole numbers below 2**24, so the float32 product is exact."""
    values, factor = quantise(x)
    return (values @ matrix.codes.T) * matrix.scale / factor


def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """Rotary embedding with NEOX pairing (i, i + d/2); x is [tokens, heads, d]."""
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate((first * cos - second * sin, second * cos + first * sin), axis=-1)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@dataclass
class Cache:
    """Keys and values of the tokens seen so far, per layer."""

    keys: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    length: int = 0


class Reference:
    """The model of one GGUF file."""

    def __init__(self, path: str | Path) -> None:
        reader = GgufReader(path)
        self.metadata, self.floats, self.ternary = reader.metadata, reader.floats, reader.ternary
        self.layers = self._key("block_count")
        self.heads = self._key("attention.head_count")
        self.kv_heads = self._key("attention.head_count_kv")
        self.head_dim = self._key("rope.dimension_count")
        self.eps = np.float32(self._key("attention.layer_norm_rms_epsilon"))
        self.theta = self._key("rope.freq_base")

    def _key(self, name: str) -> Any:
        return self.metadata[f"{self.metadata['general.architecture']}.{name}"]

    def new_cache(self) -> Cache:
        empty = np.zeros((0, self.kv_heads, self.head_dim), np.float32)
        return Cache([empty] * self.layers, [empty] * self.layers)

    def _angles(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        frequencies = self.theta ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        angles = np.outer(np.arange(start, start + count), frequencies)[:, None, :]
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return rms_norm(x, self.floats[f"{name}.weight"], self.eps)

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return bit_linear(x, self.ternary[f"{name}.weight"])

    def _attention(self, layer: int, x: np.ndarray, cache: Cache) -> np.ndarray:
        """Causal grouped-query attention; new keys and values are appended to the cache."""
        start, count = cache.length, len(x)
        cos, sin = self._angles(start, count)
        q = self._linear(x, f"blk.{layer}.attn_q").reshape(count, self.heads, self.head_dim)
        k = self._linear(x, f"blk.{layer}.attn_k").reshape(count, self.kv_heads, self.head_dim)
        v = self._linear(x, f"blk.{layer}.attn_v").reshape(count, self.kv_heads, self.head_dim)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        keys = cache.keys[layer] = np.concatenate((cache.keys[layer], k))
        values = cache.values[layer] = np.concatenate((cache.values[layer], v))
        future = np.arange(start + count)[None, :] > np.arange(start, start + count)[:, None]
        outputs = []
        for head in range(self.heads):
            kv_head = head * self.kv_heads // self.heads
            scores = (q[:, head] @ keys[:, kv_head].T) / np.sqrt(np.float32(self.head_dim))
            scores[future] = -np.inf
            outputs.append(softmax(scores) @ values[:, kv_head])
        return np.concatenate(outputs, axis=-1)

    def _feed_forward(self, layer: int, x: np.ndarray) -> np.ndarray:
        """Squared-ReLU gated unit, with its inner norm."""
        blk = f"blk.{layer}."
        u = np.maximum(self._linear(x, blk + "ffn_gate"), 0) ** 2 * self._linear(x, blk + "ffn_up")
        return self._linear(self._norm(u, blk + "ffn_sub_norm"), blk + "ffn_down")

    def forward(self, ids: list[int], cache: Cache) -> np.ndarray:
        """Logits [tokens, vocabulary] for new tokens appended to the cache."""
        embedding = self.floats["token_embd.weight"]
        h = embedding[ids]
        for layer in range(self.layers):
            blk = f"blk.{layer}."
            mixed = self._attention(layer, self._norm(h, blk + "attn_norm"), cache)
            h = h + self._linear(self._norm(mixed, blk + "attn_sub_norm"), blk + "attn_output")
            h = h + self._feed_forward(layer, self._norm(h, blk + "ffn_norm"))
        cache.length += len(ids)
        head = self.floats.get("output.weight", embedding)
        logits = self._norm(h, "output_norm") @ head.T
        assert logits.dtype == np.float32
        return logits

    def greedy(self, prompt: list[int], count: int) -> tuple[list[int], list[float]]:
        """Greedy continuation (through end-of-text) and, per step, the lead of the best token."""
        cache, ids, leads = self.new_cache(), list(prompt), []
        logits = self.forward(prompt, cache)[-1]
        for _ in range(count):
            second, best = np.partition(logits, -2)[-2:]
            leads.append(float(best - second))
            ids.append(int(logits.argmax()))
            logits = self.forward(ids[-1:], cache)[-1]
        return ids[len(prompt) :], leads


def main() -> None:
    model, count, *prompt = sys.argv[1:]
    print(*Reference(model).greedy([int(token) for token in prompt], int(count))[0])


if __name__ == "__main__":
    main()
