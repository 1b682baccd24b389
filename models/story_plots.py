"""The plots: what can happen in a story.

Each plot takes a scene and returns the paragraphs. The plots in THING_PLOTS are about
`scene.thing`, those in FOOD_PLOTS about `scene.food`. A plot may change a part of the scene to fit.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from story_world import (
    ANIMALS,
    COLOURS,
    INDOOR,
    MASS_FOODS,
    OUTDOOR,
    RARE_THINGS,
    TASTES,
    THINGS,
    Character,
    Scene,
    article,
    join,
    make_character,
)


def plot_lost(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    if s.place in INDOOR:
        where = s.pick("under the table", "behind the door", "in a corner", "on a high shelf")
    else:
        where = s.pick(
            "under a bush",
            "behind a big tree",
            "in the tall grass",
            "near the gate",
            "on top of a wall",
            "next to the pond",
            "inside an old box",
        )
    owned = s.pick(
        f"{hero.name} had a {s.colour} {s.thing}. {hero.He} took the {s.thing} everywhere.",
        f"{hero.His} best thing was a {s.colour} {s.thing}.",
        f"{hero.name} loved {hero.his} {s.colour} {s.thing} more than anything.",
    )
    return [
        join(s.opening(), owned),
        join(
            f"{s.when}, {hero.name} could not find the {s.colour} {s.thing}.",
            s.pick(
                f"{hero.He} looked and looked, but it was not there.",
                f"{hero.He} looked in every corner.",
                f"{hero.He} began to cry.",
            ),
            f"{hero.name} was very {s.sad}.",
        ),
        join(
            s.meet(),
            s.say(friend, s.pick("Why are you sad?", "What is wrong?", "Why do you cry?")),
            s.say(hero, s.pick(f"I lost my {s.colour} {s.thing}", f"My {s.thing} is gone")),
            s.say(
                friend,
                s.pick(
                    "I will help you look", "Let us look together", "Do not worry, we will find it"
                ),
            ),
        ),
        join(
            s.pick(
                "They looked together for a long time.",
                "They went from place to place.",
                "They looked here and they looked there.",
            ),
            f"At last, {friend.name} saw something {s.colour} {where}. It was the {s.thing}!",
            s.thanks(),
            s.happy_end(),
        ),
    ]


def plot_share(s: Scene) -> list[str]:
    hero, friend, food, taste = s.hero, s.friend, s.food, TASTES[s.food]
    return [
        join(
            s.opening(),
            f"{s.when}, {hero.name} had {'some' if food in MASS_FOODS else 'a'} {taste} {food}.",
        ),
        join(
            f"{friend.arrival} saw the {food}. {friend.He} was hungry.",
            s.say(friend, f"May I have some of your {food}?"),
            s.pick(
                f"{hero.name} did not want to share.",
                f"{hero.name} held the {food} close.",
                f'"No," said {hero.name}. "It is mine."',
            ),
            f"{friend.name} looked {s.sad} and walked away.",
        ),
        join(
            f"{hero.name} sat down to eat, but the {food} did not taste good. {hero.He} thought about {friend.name}.",
            f"{hero.name} ran after {friend.him}.",
            s.say(
                hero,
                s.pick(
                    "I am sorry. Let us share", "Please come back. We can share", "Here, take half"
                ),
            ),
        ),
        join(
            f"They sat down and ate the {food} together. It was {taste} and good.",
            s.pick(
                "Sharing made it taste better.",
                "Food is better with a friend.",
                f"{hero.name} learned that sharing is kind.",
            ),
            s.happy_end(),
        ),
    ]


def plot_wind(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.rng.choice(OUTDOOR)
    s.thing = (
        s.pick("kite", "hat", "scarf", "ball")
        if s.thing not in ("kite", "hat", "scarf")
        else s.thing
    )
    return [
        join(s.opening(), f"{hero.He} had a new {s.colour} {s.thing}."),
        join(
            f"{s.when}, the wind began to blow. It blew harder and harder. The wind took the {s.thing} "
            f"and carried it up, up into {s.pick('a tall tree', 'the top of a tree', 'an old oak')}.",
            s.say(hero, f"Oh no, my {s.thing}!"),
        ),
        join(
            f"{hero.name} tried to jump, but {hero.he} could not reach it.",
            s.pick(
                f"{hero.He} tried to climb, but the branch was too high.",
                f"{hero.He} sat down and cried.",
            ),
            f"Then {friend.arrival} came with {s.pick('a long stick', 'a ladder', 'a rope')}.",
            s.say(friend, s.pick("Hold on, I can help", "Let me try", "We can do it together")),
        ),
        join(f"Soon the {s.colour} {s.thing} came down.", s.thanks(), s.happy_end()),
    ]


def plot_fear(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    fear = s.pick(
        "the dark",
        "the deep water",
        "the tall slide",
        "the loud thunder",
        "the big bridge",
        "the old house",
        "the first day of school",
    )
    return [
        join(s.opening(), f"{hero.name} was afraid of {fear}."),
        join(
            f"{s.when}, {friend.arrival} came to visit.",
            s.say(friend, f"What is wrong, {hero.name}?"),
            s.say(hero, f"I am afraid of {fear}"),
            s.say(
                friend,
                s.pick(
                    "I was afraid too, once",
                    "It is all right to be afraid",
                    "Take my hand and count to three",
                ),
            ),
        ),
        join(
            f"{hero.name} took a deep breath. One, two, three!",
            s.pick(
                f"{hero.He} opened {hero.his} eyes, and it was not so bad.",
                f"{hero.His} heart went fast, but {hero.he} did not run away.",
                f"Step by step, {hero.he} went on.",
            ),
        ),
        join(
            s.say(hero, s.pick("I did it!", "I am not afraid now!", "Look at me!")),
            s.pick(
                f"{friend.name} clapped.",
                f"{friend.name} was proud of {hero.him}.",
                f'"You are brave," said {friend.name}.',
            ),
            s.happy_end(),
        ),
    ]


def plot_bake(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    if s.food not in ("cake", "bread", "pie", "soup", "pancake", "cookie"):
        s.food = s.pick("cake", "bread", "pie", "soup")
    missing = s.pick("flour", "milk", "sugar", "salt", "butter", "eggs")
    return [
        join(
            s.opening(), f"{s.when}, {hero.name} wanted to make {s.some_food()} for {friend.name}."
        ),
        join(
            f"{hero.He} looked on the shelf, but there {'were' if missing == 'eggs' else 'was'} no {missing}.",
            s.say(hero, f"What can I do without {missing}?"),
            f"So {hero.name} went to {s.pick('the market', 'the farm', 'the shop')} and asked for some {missing}.",
        ),
        join(
            f"{hero.name} came home and mixed everything in a big bowl. {hero.He} stirred and stirred.",
            f"Soon the kitchen smelled {s.pick('sweet', 'wonderful', 'very good')}.",
        ),
        join(
            f"When {friend.name} came, the {s.food} was ready.",
            s.say(
                friend,
                s.pick(
                    f"This is the best {s.food} I ever had!",
                    "It is so good!",
                    "May I have more, please?",
                ),
            ),
            s.happy_end(),
        ),
    ]


def plot_baby(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.rng.choice(OUTDOOR)
    baby = s.pick(
        "a baby bird", "a small kitten", "a lost lamb", "a tiny duckling", "a little puppy"
    )
    noun = baby.split()[-1]
    first, second = s.rng.sample(ANIMALS, 2)
    return [
        join(
            s.opening(),
            f"{s.when}, {hero.name} heard a small sound.",
            s.pick("It was soft and low.", "It came from a bush.", "Something was crying."),
        ),
        join(
            f"{hero.name} looked down and saw {baby}. It was cold and alone.",
            s.say(
                hero,
                s.pick(f"Where is your mother, little {noun}?", f"Do not be afraid, little {noun}"),
            ),
            f"{hero.name} put the {noun} in a warm {s.pick('scarf', 'blanket', 'hat', 'basket')}.",
        ),
        join(
            f"{friend.arrival} helped {hero.him} look for the mother. They asked the {first}. They asked the {second}.",
            f"At last they heard a call from {s.rng.choice(OUTDOOR)}.",
        ),
        join(
            f"The mother came fast. She was so glad to see her {noun}.",
            s.pick(
                '"Thank you," she said.', f"The {noun} jumped for joy.", "They were a family again."
            ),
            s.happy_end(),
        ),
    ]


def plot_race(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    winner, loser = (hero, friend) if s.rng.random() < 0.5 else (friend, hero)
    goal = s.pick("tree", "gate", "bridge", "big rock")
    return [
        join(
            s.opening(),
            f"{s.when}, {friend.arrival} came to {s.place}.",
            s.say(friend, "I can run faster than you!"),
            s.say(hero, s.pick("Let us see!", "Then let us race!", f"We will race to the {goal}")),
        ),
        join(
            "One, two, three, go! They ran and ran.",
            f"{loser.name} {s.pick('stopped to look at a butterfly', 'fell over a stone', 'stopped to rest', 'looked back too often')}.",
            f"{winner.name} did not stop.",
        ),
        join(
            f"{winner.name} came to the {goal} first.",
            s.say(winner, "I won!"),
            f"{loser.name} was {s.pick('sad for a moment', 'tired', 'out of breath')}.",
        ),
        join(
            f"Then {winner.name} helped {loser.name}.",
            s.say(
                winner,
                s.pick("It was a good race", "You run fast too", "Let us race again tomorrow"),
            ),
            s.happy_end(),
        ),
    ]


def plot_build(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    phrase, noun = s.rng.choice(
        [
            ("a house of sticks", "house"),
            ("a castle of sand", "castle"),
            ("a tower of blocks", "tower"),
            ("a little boat", "boat"),
            ("a bridge over the stream", "bridge"),
            ("a tent of blankets", "tent"),
            ("a big snowman", "snowman"),
        ]
    )
    bad = s.pick("a big wave came", "the rain came", "a strong wind came", "a dog ran by")
    return [
        join(
            s.opening(),
            f"{s.when}, {hero.name} and {hero.his} friend {friend.name} made {phrase}. They worked all day.",
        ),
        join(
            f"But then {bad}, and the {noun} fell down.",
            f"{hero.name} was {s.sad}.",
            s.say(hero, s.pick("All our work is gone", "It is broken", "Now we have nothing")),
        ),
        join(
            s.say(
                friend,
                s.pick(
                    "We can make a better one",
                    "Let us try again",
                    "This time we will make it strong",
                ),
            ),
            s.pick("They worked with care.", "They worked all day again.", "They took their time."),
        ),
        join(
            f"The new {noun} was strong. It did not fall.",
            s.pick(
                "They learned to never give up.",
                "Trying again was a good idea.",
                '"We did it!" they said.',
            ),
            s.happy_end(),
        ),
    ]


def plot_truth(s: Scene) -> list[str]:
    hero = s.hero
    who, he = s.rng.choice(
        [
            ("mother", "she"),
            ("father", "he"),
            ("grandmother", "she"),
            ("teacher", "she"),
            ("grandfather", "he"),
        ]
    )
    return [
        join(
            s.opening(),
            f"{s.when}, {hero.name} was playing too fast. {hero.He} bumped the table and broke a {s.colour} {s.thing}.",
        ),
        join(
            f"{hero.His} {who} came in.",
            f'"Who broke the {s.thing}?" {he} asked.',
            s.pick(
                f"{hero.name} looked at the floor. {hero.He} was afraid to say it.",
                f"{hero.name} wanted to run away.",
            ),
        ),
        join(
            f'Then {hero.name} said, "I broke it. I am sorry."',
            f"{hero.His} {who} was quiet. Then {he} smiled.",
            f'"Thank you for telling the truth," {he} said.',
        ),
        join(
            f"They {s.pick('fixed', 'glued', 'cleaned')} the {s.thing} together.",
            s.pick(
                "It is good to tell the truth.",
                f"{hero.name} felt light and free.",
                "The truth made everything better.",
            ),
            s.happy_end(False),
        ),
    ]


def plot_gift(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    return [
        join(s.opening(), f"It was the birthday of {hero.his} friend {friend.arrival}."),
        join(
            f"{hero.name} wanted to give {friend.name} a gift, but {hero.he} had no money.",
            s.say(hero, s.pick("What can I give?", "What shall I do?")),
            f"So {hero.name} took some {s.pick('paper', 'wood', 'wool', 'clay')} and worked all morning.",
        ),
        join(
            f"{hero.He} made a little {s.colour} {s.thing}. It was not perfect, but it was made with love.",
            f"{hero.name} put it in a box and went to the home of {friend.name}.",
        ),
        join(
            f"{friend.name} opened the box and saw the {s.colour} {s.thing}.",
            s.say(
                friend, s.pick("It is beautiful!", "I love it!", "This is the best gift of all!")
            ),
            s.happy_end(),
        ),
    ]


def plot_seed(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.rng.choice(OUTDOOR)
    plant = s.pick("flower", "bean", "tree", "sunflower", "rose")
    return [
        join(
            s.opening(), f"{s.when}, {hero.name} found a tiny seed. {hero.He} put it in the ground."
        ),
        join(
            f"Every day {hero.name} gave the seed some water, but nothing came up.",
            f'"{s.pick("It will never grow", "You must wait", "It is only a seed")}," said {friend.arrival}.',
            f"But {hero.name} did not stop.",
        ),
        join(
            f"The sun shone and the rain fell. Then, one morning, {hero.name} saw a small green leaf.",
            s.say(hero, s.pick("Look, it is growing!", "Come and see!", "My seed is awake!")),
        ),
        join(
            f"Day by day it grew, until it was a tall {s.colour if plant in ('flower', 'rose') else 'green'} {plant}.",
            s.say(friend, s.pick("You were right to wait", "It is so pretty!", "How tall it is!")),
            s.pick("Good things take time.", f"{hero.name} learned to wait.", ""),
            s.happy_end(),
        ),
    ]


def plot_learn(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    skill = s.pick(
        "swim",
        "sing",
        "dance",
        "whistle",
        "read",
        "draw",
        "jump rope",
        "count to ten",
        "climb a tree",
    )
    return [
        join(s.opening(), f"{hero.name} could not {skill}. All the others could {skill}."),
        join(
            f"{s.when}, {hero.name} asked {friend.arrival} for help.",
            s.say(hero, f"Can you teach me to {skill}?"),
            s.say(friend, s.pick("Yes, I can", "Of course", "It is not hard. Watch me")),
        ),
        join(
            f"{hero.name} tried once, and it went wrong. {hero.He} tried again, and it went wrong again.",
            s.say(hero, s.pick("I will never learn", "It is too hard")),
            s.say(friend, s.pick("Try one more time", "You are getting better", "Do not give up")),
        ),
        join(
            f"So {hero.name} tried a third time. And then {hero.he} could {skill}!",
            s.say(hero, s.pick("Look at me!", f"I can {skill}!", "I did it!")),
            s.happy_end(),
        ),
    ]


def plot_sick(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    return [
        join(s.opening(), f"{hero.He} played with {friend.arrival} every day."),
        join(
            f"{s.when}, {friend.name} did not come to play. {friend.name} was sick in bed.",
            f"{hero.name} was {s.sad}.",
            s.say(hero, s.pick("I must help my friend", "I will visit my friend")),
        ),
        join(
            f"{hero.name} took some hot soup and a {s.colour} {s.thing} and went to see {friend.name}.",
            s.say(friend, s.pick("You came to see me!", "How kind you are!")),
            f"{hero.name} sat by the bed and told a funny story. {friend.name} laughed.",
        ),
        join(
            f"The next {s.pick('day', 'morning', 'week')}, {friend.name} was well again.",
            s.pick("A good friend is the best medicine.", "They ran out to play.", ""),
            s.happy_end(),
        ),
    ]


def plot_map(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.rng.choice(OUTDOOR)
    first, second = (
        s.pick("over the hill", "past the old mill", "across the bridge"),
        s.pick("under the big oak", "behind the waterfall", "inside a dark cave"),
    )
    treasure = s.pick(
        f"a {s.colour} {s.thing}", "a box of gold coins", "a pile of nuts", "an old letter"
    )
    return [
        join(
            s.opening(), f"{s.when}, {hero.name} found an old map. It showed the way to a treasure."
        ),
        join(
            f"{hero.He} showed the map to {friend.arrival}.",
            s.say(friend, s.pick("Let us find it!", "May I come with you?", "This is exciting!")),
            f"They went {first}. They walked for a long time.",
        ),
        join(
            f"The map said to look {second}.",
            f"They dug and dug. Then {s.rng.choice([hero, friend]).name} felt something hard.",
            "It was an old chest!",
        ),
        join(
            f"They opened the chest. Inside was {treasure}.",
            s.say(hero, s.pick("We found it!", "We are rich!", "What a day!")),
            s.pick(
                "They shared it.",
                "But the best treasure was to have a friend.",
                "They took it home.",
            ),
            s.happy_end(),
        ),
    ]


def plot_quarrel(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    return [
        join(
            s.opening(),
            f"{s.when}, {hero.name} and {friend.arrival} both wanted the same {s.colour} {s.thing}.",
        ),
        join(
            s.say(hero, "It is mine!"),
            s.say(friend, "No, it is mine!"),
            f"They pulled and pulled. Then the {s.thing} {s.pick('fell in the mud', 'fell to the ground', 'broke in two')}.",
        ),
        join(
            f"They were angry. {hero.name} went one way and {friend.name} went the other way.",
            f"But it was no fun to be alone. {hero.name} felt {s.sad}.",
        ),
        join(
            f"{hero.name} went back and found {friend.name}.",
            s.say(hero, s.pick("I am sorry", "I do not want to fight")),
            s.say(friend, s.pick("I am sorry too", "Let us be friends again")),
            s.pick(f"They cleaned the {s.thing} together.", f"They took turns with the {s.thing}."),
            s.happy_end(),
        ),
    ]


def plot_way_home(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.rng.choice(OUTDOOR)
    return [
        join(
            s.opening(),
            f"{s.when}, {hero.name} went for a walk in the {s.pick('deep', 'dark', 'big')} woods.",
        ),
        join(
            f"{hero.He} saw {s.pick('a butterfly', 'a shiny beetle', 'some pretty flowers')} and walked on and on.",
            f"Soon {hero.name} did not know the way home. It was getting dark.",
            s.say(hero, s.pick("Where am I?", "I am lost!", "How will I get home?")),
        ),
        join(
            f"A voice came from {s.pick('a tree', 'the bushes', 'behind a rock')}. It was {friend.arrival}.",
            s.say(
                friend,
                s.pick("Do not be afraid. I know the way", "Follow me", "I can show you the way"),
            ),
            f"{hero.name} followed {friend.name} {s.pick('along the stream', 'by the light of the moon', 'down the path')}.",
        ),
        join(
            "At last they saw a light in a window. It was home!",
            f"The mother of {hero.name} ran out and hugged {hero.him}.",
            s.thanks(),
            s.happy_end(),
        ),
    ]


def plot_big_carrot(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.pick("the garden", "the farm", "the village")
    crop = s.pick("carrot", "turnip", "pumpkin", "potato")
    third = s.rng.choice([a for a in ANIMALS if a not in (hero.kind, friend.kind)])
    return [
        join(s.opening(), f"{hero.He} grew a very big {crop}."),
        join(
            f"{s.when}, {hero.name} wanted to take the {crop} home. {hero.He} pulled and pulled, but it did not move.",
            f"{hero.He} called {friend.arrival}. They pulled together, but it did not move.",
        ),
        join(
            f"Then they called the {third}.",
            s.say(friend, s.pick("All together now!", "Pull hard!", "One, two, three!")),
            f"They pulled and pulled, and up came the {crop}!",
        ),
        join(
            "They all fell down and laughed.",
            f"That evening they ate {crop} soup.",
            s.pick("Together they were strong.", "Many hands make light work.", ""),
            s.happy_end(),
        ),
    ]


def plot_wish(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    wish = s.pick("fly", "be very big", "be very small", "talk to the moon", "live in a castle")
    giver = s.pick("a kind fairy", "a golden fish", "a small star", "an old wizard")
    noun = giver.split()[-1]
    return [
        join(s.opening(), f"{hero.name} always wanted to {wish}."),
        join(
            f"One night, {giver} came to {hero.name}.",
            f'"I will give you one wish," said the {noun}.',
            s.say(hero, f"I wish to {wish}!"),
        ),
        join(
            f"And so it was. At first, {hero.name} was very happy.",
            f"But then {hero.he} thought of {hero.his} friend {friend.arrival}. {friend.name} was not there. {hero.name} was {s.sad}.",
        ),
        join(
            f'"Please take back the wish," {hero.he} said. "I want to be with my friend."',
            f"The {noun} smiled. In the morning, {hero.name} was home again.",
            s.happy_end(),
        ),
    ]


def plot_new_friend(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    return [
        join(s.opening(), f"{hero.name} had no one to play with. {hero.He} was lonely."),
        join(
            f"{s.when}, {hero.name} saw {article(friend.kind)} sitting alone with a {s.colour} {s.thing}.",
            f"{hero.name} was too shy to speak, but then {hero.he} took one small step.",
            s.say(hero, s.pick("Hello, who are you?", "Hello, what is your name?")),
        ),
        join(
            f'"My name is {friend.name}," said the {friend.kind}.'
            if friend.kind != hero.kind
            else f'"My name is {friend.name}," said the other {friend.kind}.',
            s.pick(
                f'"Do you want to play with my {s.thing}?"', f'"You can play with my {s.thing}."'
            ),
            s.say(hero, s.pick("Yes, please!", "Oh yes!", "I would love to!")),
        ),
        join(
            s.pick(
                f"They played with the {s.colour} {s.thing} all day.",
                "They played and told jokes until dark.",
            ),
            s.pick("It is good to say hello.", "Now nobody was lonely.", ""),
            s.happy_end(),
        ),
    ]


def plot_rain(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.rng.choice(OUTDOOR)
    return [
        join(s.opening(), f"{s.when}, {hero.name} and {friend.arrival} went out to play."),
        join(
            "All at once, big drops began to fall.",
            s.say(friend, s.pick("I am getting wet!", "It is raining!")),
            f"They ran under {s.pick('a big tree', 'a bridge', 'a wide leaf', 'an old roof')}. They were cold and wet.",
        ),
        join(
            f"{hero.name} had a {s.colour} {s.pick('coat', 'blanket', 'umbrella')}. It was small, but {hero.he} held it over {friend.name} too.",
            "They sat close together and sang a song.",
        ),
        join(
            f"Then the rain stopped and the sun came out. {s.pick('A rainbow was in the sky!', 'There was a big rainbow!')}",
            s.say(
                friend, s.pick("Look at all the colours!", "How pretty!", "Thank you for sharing")
            ),
            s.happy_end(),
        ),
    ]


def plot_noise(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    return [
        join(
            s.opening(),
            f"One night, {hero.name} heard a strange noise. {s.pick('Tap, tap, tap.', 'Boom, boom.', 'Crack, crack.')}",
        ),
        join(
            f"{hero.name} hid under the blanket.",
            s.say(hero, s.pick("Is it a monster?", "Who is there?")),
            f"{hero.He} was afraid, but {hero.he} took a lamp and went to look.",
        ),
        join(
            f"{hero.name} opened the door very slowly. It was not a monster. It was {friend.arrival}!",
            s.say(
                friend, s.pick("I could not sleep", "I am cold. May I come in?", "I lost my key")
            ),
        ),
        join(
            f"{hero.name} laughed.",
            s.say(hero, s.pick("Come in!", "I thought you were a monster!", "You can sleep here")),
            "They drank warm milk by the fire.",
            s.happy_end(),
        ),
    ]


def plot_boat(s: Scene) -> list[str]:
    hero, friend = s.hero, s.friend
    s.place = s.pick("the river", "the lake", "the beach")
    return [
        join(s.opening(), f"{hero.He} had a small {s.colour} boat."),
        join(
            f"{s.when}, {hero.name} and {friend.arrival} sailed out in the {s.colour} boat.",
            s.pick("The water was calm and clear.", "Fish swam all around."),
            "Then the boat hit a rock. Water came in!",
        ),
        join(
            s.say(friend, s.pick("We will sink!", "What shall we do?")),
            s.say(hero, s.pick("Stay calm", "Take the cup and throw the water out")),
            f"{friend.name} threw the water out, and {hero.name} rowed as fast as {hero.he} could.",
        ),
        join(
            "At last they came to the land. They were wet, but they were safe.",
            s.thanks(),
            s.happy_end(),
        ),
    ]


Plot = Callable[[Scene], list[str]]
THING_PLOTS: tuple[Plot, ...] = (
    plot_lost,
    plot_gift,
    plot_quarrel,
    plot_new_friend,
    plot_truth,
    plot_lost,
)
FOOD_PLOTS: tuple[Plot, ...] = (plot_share,)
PLOTS: tuple[Plot, ...] = (
    plot_lost,
    plot_share,
    plot_wind,
    plot_fear,
    plot_bake,
    plot_baby,
    plot_race,
    plot_build,
    plot_truth,
    plot_gift,
    plot_seed,
    plot_learn,
    plot_sick,
    plot_map,
    plot_quarrel,
    plot_way_home,
    plot_big_carrot,
    plot_wish,
    plot_new_friend,
    plot_rain,
    plot_noise,
    plot_boat,
)


def make_scene(
    rng: random.Random, hero: Character | None = None, friend: Character | None = None
) -> Scene:
    """Draw a world state around the given characters."""
    hero = hero or make_character(rng)
    friend = friend or make_character(rng, avoid=hero.name)
    things = RARE_THINGS if rng.random() < 0.2 else THINGS
    return Scene(
        rng,
        hero,
        friend,
        rng.choice(OUTDOOR + INDOOR),
        rng.choice(things),
        rng.choice(COLOURS),
        rng.choice(list(TASTES)),
    )


def tell(scene: Scene, plots: tuple[Plot, ...] = PLOTS) -> str:
    """Run one plot and return the story text."""
    paragraphs = scene.rng.choice(plots)(scene)
    if scene.rng.random() < 0.12:
        paragraphs.append("The end.")
    return "\n\n".join(paragraphs)
