"""Train a model of your own: English verse in free form, a letter at a time.

    python docs/examples/english.py [STEPS]

A toy: seventy short poems and half a minute teach it what English words look like and where lines
break, not to write a poem. More text and more steps are all that it takes to go on.
"""

import sys
import tempfile

import poetvae
from poetvae.data.corpus import sample_folder

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300
with tempfile.TemporaryDirectory() as folder:
    poet = poetvae.train(
        [sample_folder() / "english.txt"],  # poems with an empty line between two
        f"{folder}/english",
        preset="tiny,ar",  # the autoregressive baseline: of so little text it learns most
        settings={"max_len": 160, "batch_size": 32, "validate_every": 100},
        steps=steps,
        log=print,  # takes the lines for people; a few poems come with each validation
    )

print("\nPoems:")
for poem in poet.generate(3, temperature=0.5, seed=1):
    print(poem.text, end="\n\n")
print("An opening, and what follows:")
for poem in poet.complete("The moon", n=1, temperature=0.5, seed=1):
    print(poem.text)
