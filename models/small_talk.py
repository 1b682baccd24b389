"""Small talk and simple facts. Each function returns a question and its answer."""

from __future__ import annotations

import random

from story_world import BOYS, COLOURS, GIRLS, HAPPY, SAD, article, capitalise, mapping, phrases

Exchange = tuple[str, str]
OPPOSITES = list(
    mapping(
        "hot: cold, big: small, up: down, day: night, fast: slow, happy: sad, open: closed, "
        "wet: dry, long: short, loud: quiet, old: new, full: empty, light: dark, hard: soft, "
        "near: far, black: white, good: bad, high: low, clean: dirty, left: right, in: out, "
        "strong: weak, first: last, yes: no"
    ).items()
)
SOUNDS = mapping(
    "cow: moo, dog: woof, cat: meow, duck: quack, sheep: baa, pig: oink, bee: buzz, "
    "owl: hoot, frog: croak, mouse: squeak, lion: roar, horse: neigh, bird: tweet, "
    "snake: hiss"
)
THING_COLOURS = mapping(
    "the sky: blue, the sun: yellow, grass: green, snow: white, a banana: yellow, "
    "a tomato: red, an orange: orange, milk: white, a leaf: green, a strawberry: red, "
    "a lemon: yellow, the sea: blue, a carrot: orange, coal: black, a frog: green, "
    "a pig: pink, chocolate: brown, a polar bear: white, the night: black, a cherry: red"
)
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
FOODS_OF = mapping(
    "rabbit: carrots, mouse: cheese, bear: honey, cat: fish, dog: bones, cow: grass, "
    "squirrel: nuts, bird: seeds, horse: hay, frog: flies, goat: grass, elephant: leaves"
)
HOMES = mapping(
    "fish: in the water, bird: in a nest, bee: in a hive, bear: in a cave, "
    "rabbit: in a hole, dog: in a house, cow: on a farm, frog: near a pond, "
    "squirrel: in a tree, lion: in the wild"
)
LEGS = mapping(
    "dog: four, cat: four, bird: two, spider: eight, bee: six, horse: four, fish: no, "
    "duck: two, cow: four, snake: no, ant: six, frog: four"
)
SIZES = ["ant", "bee", "mouse", "frog", "rabbit", "cat", "dog", "pig", "lion", "horse", "elephant"]
UNKNOWN = phrases(
    "the capital of France, the news today, the price of gold, my password, "
    "quantum physics, the law, the weather tomorrow, computer code, the stock market, "
    "history, chemistry, the president, a famous war, medicine, taxes, the internet"
)


def fact_opposite(rng: random.Random) -> Exchange:
    pair = list(rng.choice(OPPOSITES))
    rng.shuffle(pair)
    word, other = pair
    question = rng.choice(
        [
            f"What is the opposite of {word}?",
            f"Tell me the opposite of {word}.",
            f"Opposite of {word}?",
        ]
    )
    return question, f"The opposite of {word} is {other}."


def fact_sound(rng: random.Random) -> Exchange:
    animal, sound = rng.choice(list(SOUNDS.items()))
    question = rng.choice(
        [f"What does {article(animal)} say?", f"What sound does {article(animal)} make?"]
    )
    return question, f"{capitalise(article(animal))} says {sound}."


def fact_colour(rng: random.Random) -> Exchange:
    thing, colour = rng.choice(list(THING_COLOURS.items()))
    question = rng.choice(
        [f"What colour is {thing}?", f"What color is {thing}?", f"Which colour is {thing}?"]
    )
    return question, f"{capitalise(thing)} is {colour}."


def fact_sum(rng: random.Random) -> Exchange:
    left = rng.randrange(11)
    right = rng.randrange(11 - left)
    total = left + right
    if rng.random() < 0.3:
        question = rng.choice(
            [
                f"What is {left} plus {right}?",
                f"What is {left} + {right}?",
                f"What is {left}+{right}?",
                f"{left} + {right}?",
            ]
        )
        return question, f"{left} plus {right} is {total}."
    words = NUMBERS[left], NUMBERS[right], NUMBERS[total]
    question = rng.choice(
        [f"What is {words[0]} plus {words[1]}?", f"How much is {words[0]} plus {words[1]}?"]
    )
    return question, f"{capitalise(words[0])} plus {words[1]} is {words[2]}."


def fact_number(rng: random.Random) -> Exchange:
    if rng.random() < 0.5:
        n = rng.randrange(10)
        return (
            f"What number comes after {NUMBERS[n]}?",
            f"After {NUMBERS[n]} comes {NUMBERS[n + 1]}.",
        )
    n = rng.randrange(3, 11)
    return rng.choice([f"Count to {NUMBERS[n]}.", f"Can you count to {NUMBERS[n]}?"]), (
        capitalise(", ".join(NUMBERS[1 : n + 1])) + "!"
    )


def fact_day(rng: random.Random) -> Exchange:
    i = rng.randrange(7)
    kind = rng.randrange(5)
    if kind == 0:
        return f"What day comes before {DAYS[i]}?", f"{DAYS[i - 1]} comes before {DAYS[i]}."
    if kind == 1:
        return rng.choice(["What are the days of the week?", "Name the days of the week."]), (
            "The days are " + ", ".join(DAYS[:-1]) + " and Sunday."
        )
    after = DAYS[(i + 1) % 7]
    question = rng.choice([f"What day comes after {DAYS[i]}?", f"Which day is after {DAYS[i]}?"])
    return question, f"{after} comes after {DAYS[i]}."


def fact_animal(rng: random.Random) -> Exchange:
    kind = rng.randrange(4)
    if kind == 0:
        animal, food = rng.choice(list(FOODS_OF.items()))
        return (
            f"What does {article(animal)} eat?",
            f"{capitalise(article(animal))} likes to eat {food}.",
        )
    if kind == 1:
        animal, home = rng.choice(list(HOMES.items()))
        return f"Where does {article(animal)} live?", f"{capitalise(article(animal))} lives {home}."
    if kind == 2:
        animal, legs = rng.choice(list(LEGS.items()))
        return (
            f"How many legs does {article(animal)} have?",
            f"{capitalise(article(animal))} has {legs} legs.",
        )
    small, large = sorted(rng.sample(range(len(SIZES)), 2))
    pair = [SIZES[small], SIZES[large]]
    rng.shuffle(pair)
    bigger = rng.random() < 0.6
    question = (
        f"Which is {'bigger' if bigger else 'smaller'}, {article(pair[0])} or {article(pair[1])}?"
    )
    first, second = (large, small) if bigger else (small, large)
    relation = "bigger" if bigger else "smaller"
    return (
        question,
        f"{capitalise(article(SIZES[first]))} is {relation} than {article(SIZES[second])}.",
    )


def talk_identity(rng: random.Random) -> Exchange:
    question = rng.choice(
        [
            "Who are you?",
            "What are you?",
            "Are you a person?",
            "What is your name?",
            "Are you a robot?",
            "Are you smart?",
            "How big are you?",
            "What can you do?",
            "Tell me about yourself.",
        ]
    )
    if question == "What can you do?":
        return question, rng.choice(
            [
                "I can tell short stories and answer very simple questions.",
                "I can tell a story. I also know some animals, colours and small sums.",
            ]
        )
    start = {
        "Are you a person?": "No, I am not a person. ",
        "Are you a robot?": "No, I am only a small program. ",
        "Are you smart?": "Not very. ",
        "What is your name?": "I have no name. ",
    }.get(question, "")
    return question, start + rng.choice(
        [
            "I am a tiny language model with less than five million ternary weights. "
            "I can tell short stories.",
            "I am a tiny ternary model. I have under five million ternary weights, and each "
            "of them is minus one, zero or one.",
            "I am a very small BitNet model. I know little, but I can tell a story.",
        ]
    )


def talk_hello(rng: random.Random) -> Exchange:
    greeting = rng.choice(
        [
            "Hello!",
            "Hi!",
            "Hi there.",
            "Good morning!",
            "Hey",
            "Hello",
            "hi",
            "hello",
            "Good evening!",
        ]
    )
    return greeting, rng.choice(
        [
            "Hello! How are you today?",
            "Hi! Nice to meet you.",
            "Hello! Shall I tell you a story?",
            "Hi there! What shall we talk about?",
            "Hello! It is good to see you.",
        ]
    )


def talk_name(rng: random.Random) -> Exchange:
    name = rng.choice(GIRLS + BOYS)
    return rng.choice([f"My name is {name}.", f"I am {name}.", f"Hello, I am {name}."]), rng.choice(
        [
            f"Nice to meet you, {name}!",
            f"Hello, {name}! Shall I tell you a story?",
            f"Hi {name}! How are you?",
        ]
    )


def talk_how(rng: random.Random) -> Exchange:
    return rng.choice(
        ["How are you?", "How are you today?", "Are you well?", "How do you do?"]
    ), rng.choice(
        [
            "I am fine, thank you. And you?",
            "I am very well, thank you!",
            f"I feel {rng.choice(HAPPY)} today.",
        ]
    )


def talk_mood(rng: random.Random) -> Exchange:
    if rng.random() < 0.5:
        mood = rng.choice(SAD)
        return rng.choice([f"I am {mood}.", f"I feel {mood} today."]), rng.choice(
            [
                f"I am sorry that you are {mood}. A story may help.",
                "I am sorry to hear that. I hope you feel better soon.",
            ]
        )
    mood = rng.choice(HAPPY)
    return rng.choice([f"I am {mood}.", f"I feel {mood} today."]), rng.choice(
        [f"I am glad that you are {mood}!", "That is good to hear!", "How nice!"]
    )


def talk_thanks(rng: random.Random) -> Exchange:
    return rng.choice(
        ["Thank you!", "Thanks", "Thank you very much.", "That was nice.", "I like it."]
    ), rng.choice(
        ["You are welcome!", "You are very welcome.", "My pleasure.", "I am glad you like it."]
    )


def talk_bye(rng: random.Random) -> Exchange:
    if rng.random() < 0.3:
        return "Good night!", rng.choice(["Good night! Sleep well.", "Good night! Sweet dreams."])
    return rng.choice(["Goodbye", "Bye!", "See you later.", "I must go now."]), rng.choice(
        ["Goodbye! Come back soon.", "Bye! It was nice to talk to you.", "See you soon!"]
    )


def talk_unknown(rng: random.Random) -> Exchange:
    topic = rng.choice(UNKNOWN)
    question = rng.choice(
        [
            f"Tell me about {topic}.",
            f"What do you know about {topic}?",
            f"What is {topic}?",
            f"Explain {topic}.",
        ]
    )
    return question, rng.choice(
        [
            "I am too small to know that. I can tell you a story.",
            "Sorry, I do not know. I only know simple things.",
            "That is too hard for a tiny model like me.",
        ]
    )


def talk_favourite(rng: random.Random) -> Exchange:
    kind, options = rng.choice(
        [
            ("colour", COLOURS),
            ("animal", [article(animal) for animal in SIZES]),
            ("day", DAYS),
            ("food", ["cake", "soup", "cheese", "bread"]),
        ]
    )
    return f"What is your favourite {kind}?", (
        f"I am only a model and have no favourite, but {rng.choice(options)} is a nice {kind}."
    )


TALK = (
    talk_hello,
    talk_identity,
    talk_how,
    talk_mood,
    talk_thanks,
    talk_bye,
    talk_unknown,
    talk_favourite,
    talk_name,
)
FACTS = (
    fact_opposite,
    fact_sound,
    fact_colour,
    fact_sum,
    fact_sum,
    fact_number,
    fact_day,
    fact_animal,
)
