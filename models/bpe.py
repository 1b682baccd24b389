#!/usr/bin/env python3
"""Byte-level BPE: trainer, encoder, and the token layout of documents.

The pre-tokeniser is the `llama-bpe` regular expression, and like there a pre-token that is itself a
vocabulary entry is taken whole ("ignore_merges").

Usage: bpe.py DIRECTORY     with train.jsonl and val.jsonl of stories.py; writes tokenizer.json
                            there, and train.npz and val.npz with the encoded documents
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import regex

PRE_TOKEN = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BOS, EOS, EOT = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"
SPECIALS = (BOS, EOS, EOT)
VOCAB_SIZE = 2048
TRAINING_DOCUMENTS = 40_000  # of the corpus, for the vocabulary; enough and fast

Pair = tuple[bytes, bytes]
Message = tuple[str, str]
Document = dict[str, Any]


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte value in token texts (GPT-2)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


BYTE_TO_CHAR = byte_alphabet()


def to_text(token: bytes) -> str:
    """A token's bytes in the byte alphabet, as stored in GGUF."""
    return "".join(BYTE_TO_CHAR[byte] for byte in token)


def merge_pair(parts: list[bytes], pair: Pair) -> list[bytes]:
    """Replace every occurrence of the pair, left to right."""
    merged, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            merged.append(parts[i] + parts[i + 1])
            i += 2
        else:
            merged.append(parts[i])
            i += 1
    return merged


def train(texts: Iterable[str], token_count: int) -> tuple[list[bytes], list[Pair]]:
    """Learn merges until there are `token_count` tokens (fewer when pairs run out)."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(PRE_TOKEN.findall(text))
    words = [[bytes([byte]) for byte in word.encode()] for word in counts]
    weights = list(counts.values())
    pair_counts: Counter[Pair] = Counter()
    users: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pair_counts[pair] += weights[index]
            users[pair].add(index)

    tokens = [bytes([byte]) for byte in range(256)]
    known = set(tokens)
    merges: list[Pair] = []
    while len(tokens) < token_count:
        best = max(pair_counts, key=lambda pair: (pair_counts[pair], pair), default=None)
        if best is None or pair_counts[best] < 2:
            break
        merges.append(best)
        if best[0] + best[1] not in known:
            tokens.append(best[0] + best[1])
            known.add(tokens[-1])
        for index in list(users[best]):
            for pair in zip(words[index], words[index][1:]):
                pair_counts[pair] -= weights[index]
                if pair_counts[pair] <= 0:
                    del pair_counts[pair]
                users[pair].discard(index)
            words[index] = merge_pair(words[index], best)
            for pair in zip(words[index], words[index][1:]):
                pair_counts[pair] += weights[index]
                users[pair].add(index)
    return tokens, merges


class Tokenizer:
    """Encodes text and whole documents; special tokens are the last ids of the vocabulary."""

    def __init__(self, tokens: list[bytes], merges: list[Pair], vocab_size: int) -> None:
        self.tokens = tokens
        self.merges = merges
        self.vocab_size = vocab_size
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.ranks = {pair: i for i, pair in reversed(list(enumerate(merges)))}
        reserved = [f"<|reserved_{i}|>" for i in range(vocab_size - len(tokens) - len(SPECIALS))]
        self.special_texts = [*SPECIALS, *reserved]
        self.bos, self.eos, self.eot = (len(tokens) + i for i in range(3))
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        data = json.loads(Path(path).read_text())
        merges = [(bytes.fromhex(a), bytes.fromhex(b)) for a, b in data["merges"]]
        return cls([bytes.fromhex(token) for token in data["tokens"]], merges, data["vocab_size"])

    def save(self, path: str | Path) -> None:
        data = {
            "vocab_size": self.vocab_size,
            "tokens": [token.hex() for token in self.tokens],
            "merges": [[a.hex(), b.hex()] for a, b in self.merges],
        }
        Path(path).write_text(json.dumps(data))

    def encode_word(self, word: str) -> list[int]:
        """Encode one pre-token: whole if possible, else by lowest-rank merges, leftmost first."""
        if word in self._cache:
            return self._cache[word]
        data = word.encode()
        parts = [data] if data in self.ids else [bytes([byte]) for byte in data]
        unmergeable = len(self.merges)
        while len(parts) > 1:
            rank, at = min(
                (self.ranks.get(pair, unmergeable), i)
                for i, pair in enumerate(zip(parts, parts[1:]))
            )
            if rank == unmergeable:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids = [self.ids[part] for part in parts]
        self._cache[word] = ids
        return ids

    def encode(self, text: str) -> list[int]:
        """Encode plain text; the names of special tokens get no special treatment."""
        return [token for word in PRE_TOKEN.findall(text) for token in self.encode_word(word)]

    def decode(self, ids: Iterable[int]) -> str:
        data = b"".join(
            self.tokens[i]
            if i < len(self.tokens)
            else self.special_texts[i - len(self.tokens)].encode()
            for i in ids
        )
        return data.decode("utf-8", "replace")

    def encode_prompt(self, messages: list[Message]) -> list[int]:
        """A chat with the generation prompt, exactly as the chat template renders it."""
        ids = [self.bos]
        for role, content in messages:
            ids += self.encode(f"{role.capitalize()}: {content.strip()}") + [self.eot]
        return ids + self.encode("Assistant: ")

    def encode_document(self, document: Document) -> list[int]:
        """One training document.

        At inference the model writes right after the prompt's "Assistant: ", so the last answer is
        tokenised on its own; earlier answers are part of the prompt and tokenised joined with it.
        """
        if "story" in document:
            return [self.bos, *self.encode(str(document["story"])), self.eos]
        messages: list[Message] = [(role, content) for role, content in document["chat"]]
        return self.encode_prompt(messages[:-1]) + self.encode(messages[-1][1]) + [self.eot]


def read_corpus(path: str | Path) -> Iterator[Document]:
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def document_texts(document: Document) -> Iterator[str]:
    """The plain texts of a document, for training the vocabulary."""
    if "story" in document:
        yield str(document["story"])
        return
    for role, content in document["chat"]:
        yield f"{role.capitalize()}: {content}"
    yield document["chat"][-1][1]


def train_tokenizer(corpus: Path, vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    documents = islice(read_corpus(corpus), TRAINING_DOCUMENTS)
    texts = (text for document in documents for text in document_texts(document))
    tokens, merges = train(texts, vocab_size - len(SPECIALS))
    return Tokenizer(tokens, merges, vocab_size)


def encode_corpus(tokenizer: Tokenizer, corpus: Path, out: Path, context: int = 512) -> None:
    """Write all documents that fit the context as one array of ids and one of document lengths."""
    encoded = (tokenizer.encode_document(document) for document in read_corpus(corpus))
    documents = [ids for ids in encoded if len(ids) <= context]
    flat = np.array([token for ids in documents for token in ids], np.uint16)
    lengths = np.array([len(ids) for ids in documents], np.int32)
    np.savez(out, ids=flat, lengths=lengths)
    print(f"{out}: {len(documents)} documents, {len(flat)} tokens, longest {lengths.max()}")


def main() -> None:
    directory = Path(sys.argv[1])
    tokenizer = train_tokenizer(directory / "train.jsonl")
    tokenizer.save(directory / "tokenizer.json")
    for name in ("train", "val"):
        encode_corpus(tokenizer, directory / f"{name}.jsonl", directory / f"{name}.npz")


if __name__ == "__main__":
    main()
