"""The world of the stories: words, characters and the scene that a plot plays in."""

from __future__ import annotations

import random
from dataclasses import dataclass


def phrases(text: str) -> tuple[str, ...]:
    """Split a comma-separated list."""
    return tuple(text.split(", "))


def mapping(text: str) -> dict[str, str]:
    """Read a comma-separated list of `key: value`."""
    return dict(entry.split(": ") for entry in text.split(", "))


GIRLS = phrases(
    "Lily, Mia, Anna, Zoe, Ella, Ruby, Nora, Ivy, Rosa, Maya, Lucy, Emma, Sara, Tara, "
    "Wendy, Daisy, Amy, Jane, Kate, Lena, Molly, Nina, Olga, Poppy"
)
BOYS = phrases(
    "Tom, Max, Ben, Sam, Leo, Jack, Finn, Theo, Omar, Noah, Adam, Milo, Hugo, Oscar, "
    "Peter, Ravi, Tim, Bob, Dan, Eli, Felix, Henry, Luke, Paul"
)
ANIMAL_NAMES = {
    "rabbit": "Hop Clover Thumper Nibbles",
    "bear": "Bruno Honey Bumble Oso",
    "mouse": "Pip Squeak Crumb Dot",
    "fox": "Rusty Ember Vix Copper",
    "duck": "Puddle Waddles Daffy Splash",
    "cat": "Whiskers Mittens Tiger Smoky",
    "dog": "Rex Spot Biscuit Buddy",
    "frog": "Lilypad Croak Jumper Mossy",
    "owl": "Hoot Luna Sage Feather",
    "turtle": "Shelly Slow Pebble Sandy",
    "hedgehog": "Prickle Spike Bramble Acorn",
    "bird": "Chirp Sunny Robin Sky",
    "squirrel": "Hazel Nutty Chip Maple",
    "pig": "Rosie Truffle Muddy Penny",
    "goat": "Billy Bella Clover Horn",
    "bee": "Buzz Goldie Zip Poppy",
    "lion": "Leo Roary Simba Sunny",
    "horse": "Star Dusty Thunder Bella",
    "cow": "Bess Daisy Milky Clover",
    "elephant": "Ellie Tusk Grey Peanut",
    "dragon": "Ember Spark Smoky Ziggy",
    "monkey": "Coco Banjo Zip Mango",
    "penguin": "Pingo Snowy Flip Waddles",
    "wolf": "Grey Shadow Luna Fang",
    "robot": "Bolt Beep Tin Rusty",
    "princess": "Rosa Ella Luna Pearl",
    "prince": "Leo Felix Hugo Henry",
}
ANIMALS = tuple(ANIMAL_NAMES)
RARE_KINDS = phrases(
    "tiger, zebra, giraffe, snail, hen, parrot, deer, sheep, donkey, kangaroo, panda, "
    "crocodile, hippo, seal, spider, ant, butterfly, fish, king, queen, fairy, giant, "
    "witch, pirate, farmer, crow, swan, camel, beetle"
)
SYLLABLES = phrases(
    "ba, be, bi, bo, da, di, do, fa, fi, ka, ki, ko, la, le, li, lo, ma, me, mi, mo, na, "
    "ne, ni, no, pa, po, ra, ri, ro, sa, si, ta, ti, to, va, vi, zo, zu"
)
OUTDOOR = phrases(
    "the garden, the forest, the park, the farm, the beach, the meadow, the village, "
    "the market, the river, the hill, the playground, the lake"
)
PREPOSITIONS = mapping(
    "the hill: on, the beach: on, the farm: on, the river: by, the lake: by, "
    "the market: at, the playground: at, the school: at"
)
INDOOR = phrases("the library, the kitchen, the barn, the school")
COLOURS = phrases(
    "red, blue, green, yellow, orange, purple, white, brown, golden, silver, pink, black"
)
THINGS = phrases(
    "ball, kite, boat, hat, book, drum, bell, lamp, cup, box, scarf, bike, doll, train, "
    "shell, stone, key, map, basket, blanket, spoon, button, flute, mirror, ring, coat"
)
RARE_THINGS = phrases(
    "guitar, clock, pencil, chair, bottle, balloon, candle, crown, sword, hammer, "
    "violin, whistle, puzzle, rug, vase, coin, feather, rocket, car, truck, wagon, "
    "plate, bag, jar, bow, wand, ladder, pillow, pot, glove, shoe, sock, toy, ribbon, "
    "necklace, letter, painting, flag, telescope"
)
TASTES = mapping(
    "apple: sweet, cake: sweet, bread: warm, soup: hot, berry: juicy, carrot: crunchy, "
    "cookie: sweet, pear: juicy, pancake: warm, pie: hot, plum: sweet, cheese: soft, "
    "peach: juicy, nut: crunchy"
)
MASS_FOODS = ("bread", "soup", "cheese")
WEATHER = {
    "sunny": "The sun was warm and the sky was blue.",
    "windy": "The wind blew through the trees.",
    "rainy": "The rain fell on the roof, drip, drop.",
    "snowy": "White snow covered the ground.",
    "cloudy": "Grey clouds moved slowly over the hills.",
    "warm": "A soft breeze smelled of flowers.",
    "cold": "Everyone wore a thick coat.",
    "foggy": "The fog was thick and the trees looked like ghosts.",
}
TIMES = phrases(
    "One day, One morning, One afternoon, One evening, Early one day, After lunch, "
    "Last summer, On Monday, On Sunday, One quiet day, One fine day, The next day, "
    "Before dinner, One Saturday"
)
TRAITS = phrases(
    "kind, brave, little, clever, shy, quiet, funny, curious, gentle, young, friendly, "
    "busy, playful, small, happy, careful, lazy, proud"
)
HAPPY = ["happy", "glad", "proud", "cheerful", "joyful", "delighted"]
SAD = ["sad", "upset", "worried", "unhappy", "lonely"]
DREAMS = phrases("stars, the sea, tall trees, new friends, a long road, a big cake, the moon")


def article(phrase: str) -> str:
    """Prefix the phrase with the right indefinite article."""
    return ("an " if phrase[0].lower() in "aeiou" else "a ") + phrase


def capitalise(text: str) -> str:
    """Upper-case the first letter only."""
    return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Character:
    """Someone in a story, with the pronouns that belong to them."""

    name: str
    kind: str
    trait: str
    female: bool

    @property
    def he(self) -> str:
        return "she" if self.female else "he"

    @property
    def him(self) -> str:
        return "her" if self.female else "him"

    @property
    def his(self) -> str:
        return "her" if self.female else "his"

    @property
    def He(self) -> str:  # noqa: N802 - mirrors the capital letter in the text
        return capitalise(self.he)

    @property
    def His(self) -> str:  # noqa: N802
        return capitalise(self.his)

    @property
    def is_child(self) -> bool:
        return self.kind in ("girl", "boy")

    @property
    def intro(self) -> str:
        """For example: a shy fox named Ember."""
        return f"{article(self.trait)} {self.kind} named {self.name}"

    @property
    def arrival(self) -> str:
        """How a friend is called when first met."""
        return self.name if self.is_child else f"{self.name} the {self.kind}"


def made_up_name(rng: random.Random) -> str:
    """A name that is in no list, so that the model learns to copy names it has never seen."""
    return "".join(rng.choices(SYLLABLES, k=rng.choice((2, 2, 3)))).capitalize()


def make_character(
    rng: random.Random, avoid: str = "", kind: str | None = None, name: str | None = None
) -> Character:
    """Draw a character; the name never equals `avoid`."""
    if kind is None:
        kind = rng.choice(("girl", "boy", *[rng.choice(ANIMALS)] * 3, rng.choice(RARE_KINDS)))
    while True:
        female = rng.random() < 0.5
        if kind in ("princess", "queen", "hen", "witch", "prince", "king"):
            female = kind not in ("prince", "king")
        if kind in ("girl", "boy"):
            female = kind == "girl"
            choice = rng.choice(GIRLS if female else BOYS)
        elif kind in ANIMAL_NAMES and rng.random() < 0.75:
            choice = rng.choice(ANIMAL_NAMES[kind].split())
        else:
            choice = rng.choice(GIRLS if female else BOYS)
        if rng.random() < 0.06:
            choice = made_up_name(rng)
        if choice != avoid:
            return Character(name or choice, kind, rng.choice(TRAITS), female)


@dataclass
class Scene:
    """The world state of one story, plus the small phrase helpers the plots use."""

    rng: random.Random
    hero: Character
    friend: Character
    place: str
    thing: str
    colour: str
    food: str

    def pick(self, *options: str) -> str:
        return self.rng.choice(options)

    @property
    def when(self) -> str:
        return self.rng.choice(TIMES)

    @property
    def at_place(self) -> str:
        """The place with its preposition: in the park, on the hill."""
        return f"{PREPOSITIONS.get(self.place, 'in')} {self.place}"

    @property
    def happy(self) -> str:
        return self.rng.choice(HAPPY)

    @property
    def sad(self) -> str:
        return self.rng.choice(SAD)

    def some_food(self) -> str:
        return f"some {self.food}" if self.food in MASS_FOODS else article(self.food)

    def say(self, who: Character, text: str) -> str:
        """Direct speech in one of several common orders; `text` has no final full stop."""
        strong = text[-1] in "?!"
        verb = "asked" if text.endswith("?") else self.pick("said", "said", "said", "called")
        quoted = text if strong else text + ","
        ended = text if strong else text + "."
        return self.pick(
            f'"{quoted}" {verb} {who.name}.',
            f'"{quoted}" {who.he} {verb}.' if verb == "asked" else f'"{quoted}" {verb} {who.name}.',
            f'{who.name} {verb}, "{ended}"',
        )

    def opening(self) -> str:
        """The first lines: who, and where."""
        hero, place = self.hero, self.place
        weather = self.rng.choice(list(WEATHER))
        near = self.pick("near", "by", "next to", "not far from")
        start = self.pick(
            *[f"Once upon a time, there was {hero.intro}. {hero.name} lived {near} {place}."] * 2,
            f"Once upon a time, {hero.intro} lived {near} {place}.",
            f"Once upon a time there lived {hero.intro}. {hero.He} had a home {near} {place}.",
            f"There once was {hero.intro}. {hero.He} loved to play {self.at_place}.",
            f"{hero.name} was {article(hero.trait)} {hero.kind}. {hero.He} lived {near} {place}.",
            f"Once there was {hero.intro} who liked {place} very much.",
            f"{capitalise(article(hero.kind))} named {hero.name} lived {near} {place}. "
            f"{hero.He} was very {hero.trait}.",
            f"It was a {weather} day. {WEATHER[weather]} {capitalise(hero.intro)} was {self.at_place}.",
            f"Far away, {near} {place}, there lived {hero.intro}.",
            f"Long ago, {hero.intro} lived {near} {place}.",
            f"There was once {hero.intro}. {hero.His} home was {near} {place}.",
            f"In a small house {near} {place} lived {hero.intro}.",
            f"{hero.name} the {hero.kind} was {self.at_place}. {hero.He} was {hero.trait} and {self.happy}.",
            f"This is the story of {hero.intro}. {hero.name} lived {near} {place}.",
        )
        if self.rng.random() < 0.2:
            start += " " + self.pick(
                f"{hero.He} liked to sing.",
                f"{hero.He} had many friends.",
                f"{hero.He} liked to eat {self.rng.choice(['apples', 'berries', 'nuts'])}.",
                f"Everyone liked {hero.name}.",
            )
        return start

    def happy_end(self, with_friend: bool = True) -> str:
        """A closing line."""
        hero, friend = self.hero, self.friend
        endings = [
            f"{hero.name} felt very {self.happy}.",
            f"{hero.name} smiled all the way home.",
            f"That night, {hero.name} slept well and dreamed of {self.rng.choice(DREAMS)}.",
            "It was the best day ever.",
            f"{hero.name} never forgot that day.",
        ]
        if with_friend:
            endings += [
                f"{hero.name} and {friend.name} were friends from that day on.",
                f"{hero.name} and {friend.name} laughed and played until the sun went down.",
                f"From then on, {hero.name} and {friend.name} played together every day.",
                f"{hero.name} hugged {friend.name} and they went home together.",
                f"After that, {hero.name} and {friend.name} were always together.",
            ]
        return self.rng.choice(endings)

    def meet(self) -> str:
        """The friend enters."""
        hero, friend = self.hero, self.friend
        return self.pick(
            f"Then {friend.arrival} came by.",
            f"Just then, {friend.arrival} came along.",
            f"{capitalise(hero.his)} friend {friend.arrival} saw {hero.him}.",
            f"{friend.arrival}, who lived near, came to see what was wrong.",
        )

    def thanks(self) -> str:
        return self.say(
            self.hero,
            self.pick(
                f"Thank you, {self.friend.name}!",
                "Thank you so much!",
                "You are a good friend!",
                "You are so kind!",
                "I could not do it without you",
            ),
        )


def join(*sentences: str) -> str:
    """Join sentences to a paragraph, skipping empty ones."""
    return " ".join(sentence for sentence in sentences if sentence)
