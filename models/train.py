#!/usr/bin/env python3
"""Train a small BitNet b1.58 model (2B-4T architecture) on one CPU core.

Every projection is a BitLinear: ternary weights (absmean, per tensor), int8 activations (absmax,
per token), straight-through gradients. Codes -1/0/1 and int8 values are exact in bfloat16, so the
matrix products may run in bfloat16 (twice as fast where the CPU has AVX512-BF16 or AMX).

The schedule is measured in minutes: a learning rate that falls linearly, with weight decay, in the
first half; then a lower one that falls to nearly zero, without weight decay. Rows of 256 tokens
come first, because attention over them is cheap; rows of the whole context follow.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import nn

SHORT_ROW = 256
SHORT_ROWS_UNTIL = 0.72  # part of the schedule
DECAY_UNTIL = 0.5
WARMUP_STEPS = 100
SAVE_SECONDS, LOG_SECONDS = 240, 20


@dataclass(frozen=True)
class Config:
    vocab: int = 2048
    dim: int = 256
    layers: int = 6
    ffn: int = 768
    heads: int = 4
    kv_heads: int = 2
    context: int = 512
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


def ternary(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Absmean ternarisation: codes in {-1, 0, 1} and the scale that multiplies them."""
    scale = weight.abs().mean().clamp(min=1e-5)
    return (weight / scale).round().clamp(-1, 1), scale


def int8(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Absmax quantisation per token: whole numbers in -128..127 and the factor 127/absmax."""
    factor = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return (x * factor).round().clamp(-128, 127), factor


class BitProduct(torch.autograd.Function):
    """y = dequantise(int8(x) @ ternary(W)) with straight-through gradients for x and W."""

    @staticmethod
    def forward(ctx, x, weight, compute_dtype):  # type: ignore[no-untyped-def]
        codes, scale = ternary(weight)
        values, factor = int8(x.float())
        codes, values = codes.to(compute_dtype), values.to(compute_dtype)
        ctx.save_for_backward(codes, scale, values, factor)
        return F.linear(values, codes).float() * (scale / factor)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        codes, scale, values, factor = ctx.saved_tensors
        grad_x = ((grad * scale).to(codes.dtype) @ codes).float()
        scaled = (grad / factor).to(codes.dtype).flatten(0, -2)
        grad_weight = (scaled.t() @ values.flatten(0, -2)).float()
        return grad_x, grad_weight, None


class BitLinear(nn.Linear):
    """A bias-free linear layer with ternary weights and int8 activations."""

    compute_dtype = torch.float32

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return BitProduct.apply(x, self.weight, self.compute_dtype)


class RmsNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding, NEOX pairing (i, i + d/2)."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        dim, ffn, kv_dim = config.dim, config.ffn, config.kv_heads * config.head_dim
        self.attn_norm = RmsNorm(dim, config.eps)
        self.attn_q, self.attn_k, self.attn_v = (
            BitLinear(dim, dim),
            BitLinear(dim, kv_dim),
            BitLinear(dim, kv_dim),
        )
        self.attn_sub_norm = RmsNorm(dim, config.eps)
        self.attn_output = BitLinear(dim, dim)
        self.ffn_norm = RmsNorm(dim, config.eps)
        self.ffn_gate, self.ffn_up = BitLinear(dim, ffn), BitLinear(dim, ffn)
        self.ffn_sub_norm = RmsNorm(ffn, config.eps)
        self.ffn_down = BitLinear(ffn, dim)

    def attention(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        config = self.config
        batch, length, _ = x.shape
        q = self.attn_q(x).view(batch, length, config.heads, config.head_dim).transpose(1, 2)
        k = self.attn_k(x).view(batch, length, config.kv_heads, config.head_dim).transpose(1, 2)
        v = self.attn_v(x).view(batch, length, config.kv_heads, config.head_dim).transpose(1, 2)
        repeat, dtype = config.heads // config.kv_heads, BitLinear.compute_dtype
        q, k, v = rotate(q, cos, sin).to(dtype), rotate(k, cos, sin).to(dtype), v.to(dtype)
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, length, config.dim).float()

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.attn_output(self.attn_sub_norm(self.attention(self.attn_norm(x), cos, sin)))
        h = self.ffn_norm(x)
        return x + self.ffn_down(
            self.ffn_sub_norm(F.relu(self.ffn_gate(h)).pow(2) * self.ffn_up(h))
        )


class Model(nn.Module):
    cos: torch.Tensor
    sin: torch.Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab, config.dim)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = RmsNorm(config.dim, config.eps)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
        frequencies = config.theta ** (
            -torch.arange(0, config.head_dim, 2).float() / config.head_dim
        )
        angles = torch.outer(torch.arange(config.context).float(), frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length, dtype = ids.shape[1], BitLinear.compute_dtype
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.cos[:length], self.sin[:length])
        return F.linear(self.output_norm(x).to(dtype), self.token_embd.weight.to(dtype)).float()


Forward = Callable[[torch.Tensor], torch.Tensor]


def load_documents(path: Path) -> list[np.ndarray]:
    data = np.load(path)
    return np.split(data["ids"], np.cumsum(data["lengths"])[:-1])


def pack_rows(documents: list[np.ndarray], width: int, seed: int) -> np.ndarray:
    """Fill rows with shuffled documents. A row starts with a document; its last one may be cut."""
    order = np.random.default_rng(seed).permutation(len(documents))
    rows, row, filled = [], [], 0
    for index in order:
        row.append(documents[index])
        filled += len(documents[index])
        if filled >= width:
            rows.append(np.concatenate(row)[:width])
            row, filled = [], 0
    return np.stack(rows)


def row_loss(model: Forward, rows: np.ndarray) -> torch.Tensor:
    ids = torch.from_numpy(rows.astype(np.int64))
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


@torch.no_grad()
def evaluate(model: Forward, rows: np.ndarray, batch: int = 4) -> float:
    losses = [
        row_loss(model, rows[i : i + batch]).item() for i in range(0, len(rows) - batch + 1, batch)
    ]
    return sum(losses) / len(losses)


def schedule(progress: float, peak: float, weight_decay: float) -> tuple[float, float]:
    """Learning rate and weight decay at `progress` in 0..1 of the horizon."""
    if progress < DECAY_UNTIL:
        return peak * (1 - 0.8 * progress), weight_decay
    return peak * max(0.02, 0.8 * (1 - progress)), 0.0


class Trainer:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.config = Config(layers=args.layers)
        torch.manual_seed(0)
        self.model = Model(self.config)
        matrices = [p for p in self.model.parameters() if p.dim() > 1]
        norms = [p for p in self.model.parameters() if p.dim() == 1]
        groups: list[dict[str, Any]] = [
            {"params": matrices},
            {"params": norms, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.95), fused=True)
        self.step, self.tokens, self.elapsed = 0, 0, 0.0
        self.checkpoint = args.directory / "checkpoint.pt"
        if self.checkpoint.exists():
            self.resume()
        self.runner = torch.compile(self.model, dynamic=False) if args.compile else self.model

    def resume(self) -> None:
        saved = torch.load(self.checkpoint)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.tokens, self.elapsed = saved["step"], saved["tokens"], saved["elapsed"]

    def save(self, validation_loss: float) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "config": asdict(self.config),
            "step": self.step,
            "tokens": self.tokens,
            "elapsed": self.elapsed,
            "validation_loss": validation_loss,
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    @property
    def progress(self) -> float:
        return self.elapsed / (self.args.minutes * 60)

    def train_step(self, rows: np.ndarray) -> float:
        rate, decay = schedule(self.progress, self.args.lr, self.args.weight_decay)
        rate *= min(1, (self.step + 1) / WARMUP_STEPS)
        matrices, norms = self.optimizer.param_groups
        matrices.update(lr=rate, weight_decay=decay)
        norms.update(lr=rate)
        loss = row_loss(self.runner, rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.tokens += rows.shape[0] * (rows.shape[1] - 1)
        return loss.item()

    def batches(self) -> Iterator[np.ndarray]:
        """Endless batches of rows; a row has one token more than the model sees."""
        documents = load_documents(self.args.directory / "train.npz")
        seed = self.step
        while True:
            short = self.progress < SHORT_ROWS_UNTIL
            width = SHORT_ROW if short else self.config.context
            batch = self.args.batch // width
            rows = pack_rows(documents, width + 1, seed)
            for i in range(0, len(rows) - batch + 1, batch):
                if short and self.progress >= SHORT_ROWS_UNTIL:
                    break
                yield rows[i : i + batch]
            seed += 1

    def run(self) -> None:
        validation = pack_rows(
            load_documents(self.args.directory / "val.npz"), self.config.context + 1, 0
        )[:160]
        next_log, next_save = self.elapsed + LOG_SECONDS, self.elapsed + SAVE_SECONDS
        recent: list[float] = []
        batches = self.batches()
        while self.progress < 1:
            started = time.monotonic()
            recent.append(self.train_step(next(batches)))
            self.elapsed += time.monotonic() - started
            if self.elapsed >= next_log:
                next_log = self.elapsed + LOG_SECONDS
                print(
                    f"{self.elapsed:6.0f} s  step {self.step}  {self.tokens / 1e6:.2f} M tokens  loss "
                    f"{sum(recent) / len(recent):.4f}  {self.tokens / self.elapsed:.0f} tokens/s",
                    flush=True,
                )
                recent.clear()
            if self.elapsed >= next_save:
                next_save = self.elapsed + SAVE_SECONDS
                loss = evaluate(self.model, validation[:20])
                self.save(loss)
                print(f"  saved; validation loss {loss:.4f}", flush=True)
        loss = evaluate(self.model, validation)
        self.save(loss)
        print(
            json.dumps(
                {
                    "step": self.step,
                    "tokens": self.tokens,
                    "seconds": self.elapsed,
                    "validation_loss": loss,
                }
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "directory",
        type=Path,
        help="with train.npz and val.npz; gets checkpoint.pt, resumes from it",
    )
    parser.add_argument("--minutes", type=float, default=50.0, help="length of the whole schedule")
    parser.add_argument("--layers", type=int, default=Config.layers)
    parser.add_argument("--batch", type=int, default=1024, help="tokens per step")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--f32", action="store_true", help="compute in float32 instead of bfloat16")
    parser.add_argument(
        "--no-compile", dest="compile", action="store_false", help="do not use torch.compile"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    BitLinear.compute_dtype = torch.float32 if args.f32 else torch.bfloat16
    Trainer(args).run()


if __name__ == "__main__":
    main()
