#!/usr/bin/env python3
"""Synthetic children's stories and small talk: the whole training corpus of the tiny model.

Every sentence is generated here from hand-written templates; no third-party text is used.
A story is built from a small *world state* (hero, friend, place, thing, colour, ...), so that
pronouns, owners, colours and causes stay consistent from the first line to the last.

Usage: stories.py DIRECTORY     writes train.jsonl and val.jsonl there

Each output line is JSON: {"story": text} or {"chat": [[role, content], ...]}. The output depends on
nothing but these files.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from small_talk import FACTS, TALK, Exchange
from story_plots import FOOD_PLOTS, PLOTS, THING_PLOTS, make_scene, tell
from story_world import Scene, article

CORPORA = (("train.jsonl", 200_000, 1), ("val.jsonl", 1_500, 2))  # file, documents, seed


def request_words(rng: random.Random, topic: str, again: bool) -> str:
    """A way to ask for a story about `topic` ("" for any story)."""
    if not topic:
        options = [
            "Tell me a story.",
            "Please tell me a story.",
            "Tell me a short story!",
            "Can you tell me a story?",
            "I want a story.",
            "Tell me something nice.",
            "I would like to hear a story.",
            "Make up a story.",
        ]
        if again:
            options = [
                "Tell me another story.",
                "Another one, please.",
                "One more story, please!",
                "Tell me another one.",
            ]
    else:
        options = [
            f"Tell me a story about {topic}.",
            f"Please tell me a story about {topic}.",
            f"Can you tell a story about {topic}?",
            f"Tell me about {topic}.",
            f"I want a story about {topic}.",
            f"Write a story about {topic}.",
            f"Can you tell me a story about {topic}?",
            f"A story about {topic}, please.",
            f"I would like a story about {topic}.",
            f"Make up a story about {topic}.",
        ]
        if again:
            options += [
                f"Now tell me a story about {topic}.",
                f"Tell me another story, about {topic}.",
                f"Another one about {topic}, please.",
            ] * 2
    return rng.choice(options)


def story_exchange(rng: random.Random, again: bool = False) -> tuple[Exchange, Scene]:
    """A request for a story and the story that follows it."""
    kind = rng.randrange(9)
    scene = make_scene(rng)
    plots = PLOTS
    hero = scene.hero
    if kind == 0:
        topic = ""
    elif kind <= 3:
        topic = article(rng.choice([hero.kind, hero.kind, f"{hero.trait} {hero.kind}"]))
    elif kind == 4:
        topic = rng.choice([hero.intro, f"{article(hero.kind)} named {hero.name}"])
    elif kind == 5 and hero.kind != scene.friend.kind:
        topic = f"{article(hero.kind)} and {article(scene.friend.kind)}"
    elif kind == 6:
        plots, topic = THING_PLOTS, f"a {scene.colour} {scene.thing}"
    elif kind == 7:
        plots, topic = THING_PLOTS, f"{article(hero.kind)} and {article(scene.thing)}"
    elif rng.random() < 0.6:
        plots, topic = THING_PLOTS, article(scene.thing)
    else:
        plots, topic = FOOD_PLOTS, scene.some_food()
    question = request_words(rng, topic, again)
    return (question, tell(scene, plots)), scene


def after_story(rng: random.Random, scene: Scene) -> Exchange:
    """A question that can be answered from the story just told."""
    hero = scene.hero
    return rng.choice(
        [
            ("Who was the story about?", f"It was about {article(hero.kind)} named {hero.name}."),
            (f"Was {hero.name} a girl or a boy?", f"{hero.name} was a {hero.kind}.")
            if hero.is_child
            else (f"What was {hero.name}?", f"{hero.name} was {article(hero.kind)}."),
            (f"What kind of animal was {hero.name}?", f"{hero.name} was {article(hero.kind)}.")
            if not hero.is_child
            else (
                "Who was the story about?",
                f"It was about {article(hero.kind)} named {hero.name}.",
            ),
            ("I liked the story.", f"I am glad! I like {hero.name} too."),
            ("Thank you for the story!", "You are welcome!"),
        ]
    )


def casually(question: str) -> str:
    """The same question typed in a hurry: no capital, no final mark."""
    return (question[0].lower() + question[1:]).rstrip(".?!")


def make_chat(rng: random.Random) -> list[tuple[str, str]]:
    """A conversation of one to four exchanges, with at most two stories."""
    exchanges: list[Exchange] = []
    shape = rng.random()
    if shape < 0.45:  # small talk and facts only
        for _ in range(rng.choice((1, 2, 3, 4, 5, 6))):
            pool = FACTS if rng.random() < 0.65 else TALK
            exchanges.append(rng.choice(pool)(rng))
    else:
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            exchanges.append(rng.choice(TALK if rng.random() < 0.6 else FACTS)(rng))
        exchange, scene = story_exchange(rng)
        exchanges.append(exchange)
        tail = rng.random()
        if tail < 0.25:
            exchanges.append(after_story(rng, scene))
        elif tail < 0.5:
            exchanges.append(story_exchange(rng, again=True)[0])
        elif tail < 0.6:
            exchanges.append(rng.choice(FACTS + TALK)(rng))
    casual = rng.random() < 0.2
    turns: list[tuple[str, str]] = []
    for question, answer in exchanges:
        turns += [("user", casually(question) if casual else question), ("assistant", answer)]
    return turns


def make_document(rng: random.Random, story_share: float = 0.4) -> dict[str, object]:
    """One training document."""
    if rng.random() < story_share:
        return {"story": tell(make_scene(rng))}
    return {"chat": make_chat(rng)}


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, count, seed in CORPORA:
        rng = random.Random(seed)
        with open(directory / name, "w", encoding="utf-8") as out:
            for _ in range(count):
                out.write(json.dumps(make_document(rng)) + "\n")


if __name__ == "__main__":
    main()
