"""Poems from the weights that come with poetvae, and poems that have what you ask for."""

from poetvae import Poet
from poetvae.errors import ConstraintError

poet = Poet.from_pretrained()  # or the folder of a run of your own
shi = [str(form) for form in poet.forms if not form.tune]
print("It writes", ", ".join(shi), "- the length of a line x how many lines - and tunes of ci.")

# The model draws z from its prior, and decodes it. A seed writes the same poems again.
for poem in poet.generate(3, form="5x2", temperature=0.7, seed=1):
    print(poem.text, f" log p(x|z) = {poem.log_prob:.1f} nats")

# What is asked for holds by construction, in every poem; all of it can be combined.
print("\nSpring, summer, autumn, winter at the heads of the lines, in rhyme and regulated tones:")
poem, *_ = poet.generate(
    1, form="7x4", acrostic="春夏秋冬", rhyme="尤", tones="strict", candidates=4, seed=1
)
print(poem.text)

# Or an error says what excludes what.
try:
    poet.generate(1, form="5x2", acrostic="春秋", first_line="白日依山盡")
except ConstraintError as error:
    print("\nAnd what cannot be:", error)
