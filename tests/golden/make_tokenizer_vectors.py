#!/usr/bin/env python3
"""Writes tokenizer_words.txt, tokenizer_bpe.txt and tokenizer_spm.txt beside this file: vectors of our own making.

The references here are as plain as can be (regular expressions by the `regex` module, merging by looking for the best
pair again and again), so that the core's hand-written splitters and heap are checked against something unlike them.
Texts and numbers only; lines are `key fields...`, texts in hexadecimal.
"""
import os
import random
import unicodedata

import regex

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
RULES = {
    "gpt-2": CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama-bpe": "(?i:" + CONTRACTIONS + r")|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": "(?i:" + CONTRACTIONS + r")|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
TEXT = """A small edge engine reads ternary weights, one after another, and says what it thinks the next word is.
The words are cut into pieces; pieces that often stand together become one. Isn't that neat? We'll see: it's 2026,
and 1234567 tokens later they've grown longer. Der Fluß fließt über Steine, les élèves lisent à l'école, и это слово.
    if (x == 10) { return y + 20; }  // indented
\tTabs, too. The engine, the weights, the words: the same bits on every engine.
"""
PARTS = ["the", "'s", "'S", "'ll", "'Ll", "'\u017f", "'re", "don't", "I'm", "we'VE", "'", "''", " ", "  ", "   ", "\n",
         "\n\n", "\r\n", "\t", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\u0085", "\x1c", "0", "12", "123", "1234",
         "\u00bd", "\u0664", "\u2167", "a", "\u00e9", "e\u0301", "\u0436", "\u4e2d\u6587", "\u0e01\u0e33", "\U0001f600",
         "\U0001f468\u200d\U0001f469", "\U00020000", ".", "...", "!?", "_", "-", "(", ")", "<|x|>", "\u20ac", "A", "Z",
         "\u01c5", "\u02b0", "\u0903", "\u200b", "\ufeff", "\u2581", "words", "engine", "1 2", " x", "x ", "\x00", "\x7f"]


def texts(count):
    yield from ["", " ", "\n", TEXT]
    rng = random.Random(20261)
    for _ in range(count):
        yield "".join(rng.choice(PARTS) for _ in range(rng.randrange(1, 9)))


def byte_letters():
    """byte -> its letter in the escaped alphabet"""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def join_all(parts, pair):
    out = []
    for part in parts:
        if out and out[-1] is not None and (out[-1], part) == pair:
            out[-1] = pair[0] + pair[1]
        else:
            out.append(part)
    return out


def train(words, count):
    """The `count` most frequent merges, the first in text order on ties."""
    merges = []
    for _ in range(count):
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = max(pairs, key=pairs.get)
        merges.append(best)
        words = [join_all(word, best) for word in words]
    return merges


def merge(parts, rank):
    """Join the pair of lowest rank, leftmost on ties, until none has one."""
    parts = list(parts)
    while True:
        ranked = [(rank(a, b), i) for i, (a, b) in enumerate(zip(parts, parts[1:])) if rank(a, b) is not None]
        if not ranked:
            return parts
        at = min(ranked)[1]
        parts[at:at + 2] = [parts[at] + parts[at + 1]]


def hexed(text):
    return text.encode().hex() or "-"


def listed(numbers):
    return ",".join(map(str, numbers)) or "-"


def write_words():
    with open(os.path.join(HERE, "tokenizer_words.txt"), "w") as out:
        for text in texts(220):
            lengths = [listed(len(w.encode()) for w in regex.findall(rule, text)) for rule in RULES.values()]
            for rule in RULES.values():
                assert "".join(regex.findall(rule, text)) == text
            print("case", hexed(text), *lengths, file=out)


def write_bpe():
    letters = byte_letters()
    escape = lambda word: "".join(letters[b] for b in word.encode())
    words = [list(escape(w)) for w in regex.findall(RULES["gpt-2"], TEXT)]
    merges = train(words, 180)
    tokens = [*letters.values(), *dict.fromkeys(a + b for a, b in merges)]
    whole = escape(" ternary weights")  # only reachable as a whole word when merging is skipped, so never here
    tokens.append(escape("zzyzx"))      # reachable by no merge: llama-bpe takes it whole, gpt-2 does not
    tokens.append(whole)
    ids = {t: i for i, t in enumerate(tokens)}
    ranks = {pair: i for i, pair in enumerate(merges)}
    with open(os.path.join(HERE, "tokenizer_bpe.txt"), "w") as out:
        for token in tokens:
            print("token", hexed(token), file=out)
        for a, b in merges:
            print("merge", hexed(a), hexed(b), file=out)
        for text in [*texts(60), "zzyzx", " zzyzx", "a zzyzx ternary weights"]:
            for name, rule in RULES.items():
                found = []
                for word in regex.findall(rule, text):
                    word = escape(word)
                    whole_word = name == "llama-bpe" and word in ids
                    found += [ids[p] for p in ([word] if whole_word else merge(word, lambda a, b: ranks.get((a, b))))]
                print("case", name, hexed(text), listed(found), file=out)


def write_spm():
    mark = "\u2581"
    words = [list(mark + w) for w in TEXT.split(" ")]
    merges = train(words, 180)
    pieces = list(dict.fromkeys([*sorted(set(TEXT.replace(" ", mark))), *(a + b for a, b in merges)]))
    pieces = [p for p in pieces if p not in "zé"]  # some letters only as bytes
    scores = {p: -float(i) for i, p in enumerate(reversed(pieces))}
    for i, (a, b) in enumerate(merges):
        scores[a + b] = -float(i)
    specials = ["<unk>", "<s>", "</s>"]
    ids = {p: i for i, p in enumerate(specials + [f"<0x{b:02X}>" for b in range(256)] + pieces)}
    with open(os.path.join(HERE, "tokenizer_spm.txt"), "w") as out:
        for piece in pieces:
            print("token", hexed(piece), scores[piece], file=out)
        for text in texts(100):
            escaped = (mark + text).replace(" ", mark) if text else ""
            joined = merge(escaped, lambda a, b: -scores[a + b] if a + b in scores else None)
            found = []
            for part in joined:
                found += [ids[part]] if part in scores else [3 + b for b in part.encode()]
            print("case", hexed(text), listed(found), file=out)


for character in "".join(PARTS):
    assert unicodedata.category(character) != "Cn"
write_words()
write_bpe()
write_spm()
