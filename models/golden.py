#!/usr/bin/env python3
"""Write golden.json: expected greedy ids and tokenizer results for tests of an inference engine.

Usage: golden.py DIRECTORY MODEL.gguf OUT.json     with checkpoint.pt and tokenizer.json

Also compares the numpy reference with the trainer's own forward pass.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import bpe
from reference import Reference

PROMPT = "Once upon a time"
GREEDY_COUNT = 200
COMPARED_POSITIONS = 40

TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "\n\n",
    " \n \n",
    "\t",
    "a",
    "Once upon a time",
    "Once upon a time, there was a brave mouse named Pip.",
    " leading space",
    "trailing space ",
    "two  spaces   three",
    "    four spaces before",
    "line one\nline two\n\nline four",
    "windows\r\nline",
    "tab\tand\tmore tabs\t\t",
    "1",
    "12",
    "123",
    "1234567890",
    "3 + 4 = 7",
    "don't won't I'm we're they've he'll she'd",
    "DON'T I'M WE'RE",
    "'s's 'sad' \"quoted,\" said Tom.",
    "caf\u00e9 na\u00efve \u00fcber \u00c5ngstr\u00f6m",
    "e\u0301 combining",
    "\u4f60\u597d\uff0c\u4e16\u754c",
    "\u3053\u3093\u306b\u3061\u306f",
    "\u041f\u0440\u0438\u0432\u0435\u0442",
    "\U0001f642 smile \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "<|eot_id|> is plain text",
    "<|begin_of_text|>hello<|end_of_text|>",
    "!!!???...",
    "a-b_c/d\\e@f#g",
    "x\u00a0y",
    "word\u2014dash \u201ccurly\u201d",
    "...\n\nNew",
    "Hello!\n",
    "User: Tell me a story.",
    "Assistant: ",
]

Chat = list[bpe.Message]
CHATS: list[Chat] = [
    [("user", "hi")],
    [("user", "  Tell me a story about a fox.\n")],
    [
        ("user", "What is two plus three?"),
        ("assistant", "Two plus three is five."),
        ("user", "Thank you!"),
    ],
    [
        ("system", "You are kind."),
        ("user", "Hello!"),
        ("assistant", "Hi! Nice to meet you."),
        ("user", "Don't stop\nnow"),
    ],
]


def compare_with_trainer(reference: Reference, checkpoint: Path, ids: list[int]) -> None:
    """The numpy forward pass must choose the same tokens as the trainer's float32 one."""
    import torch

    import train

    state = torch.load(checkpoint, map_location="cpu")
    model = train.Model(train.Config(**state["config"]))
    model.load_state_dict(state["model"])
    with torch.no_grad():
        model.token_embd.weight.copy_(model.token_embd.weight.half().float())
        expected = model(torch.tensor([ids]))[0].numpy()
    actual = reference.forward(ids, reference.new_cache())
    equal = int((expected.argmax(-1) == actual.argmax(-1)).sum())
    print(
        f"argmax equal at {equal} of {len(ids)} positions, "
        f"largest logit difference {abs(expected - actual).max():.2e}"
    )


def main() -> None:
    directory, model, out = map(Path, sys.argv[1:4])
    tokenizer, reference = bpe.Tokenizer.load(directory / "tokenizer.json"), Reference(model)
    prompt = [tokenizer.bos, *tokenizer.encode(PROMPT)]
    greedy, leads = reference.greedy(prompt, GREEDY_COUNT)
    golden: dict[str, Any] = {
        "file_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "prompt": PROMPT,
        "prompt_ids": prompt,
        "greedy_ids": greedy,
        "greedy_text": tokenizer.decode(greedy),
        "greedy_leads": [round(lead, 4) for lead in leads],
        "greedy_smallest_lead": min(leads),
        "greedy_smallest_lead_step": leads.index(min(leads)),
        "tokenizer_cases": [{"text": text, "ids": tokenizer.encode(text)} for text in TEXTS],
        "chat_cases": [
            {
                "messages": [{"role": role, "content": content} for role, content in chat],
                "ids": tokenizer.encode_prompt(chat),
            }
            for chat in CHATS
        ],
    }
    for case in golden["tokenizer_cases"]:
        assert tokenizer.decode(case["ids"]) == case["text"], case
    out.write_text(json.dumps(golden, indent=1, ensure_ascii=True) + "\n")
    print(f"smallest lead of the greedy token: {min(leads):.4f}")
    print(golden["greedy_text"])
    compare_with_trainer(
        reference, directory / "checkpoint.pt", (prompt + greedy)[:COMPARED_POSITIONS]
    )


if __name__ == "__main__":
    main()
