"""The rest of a text: a line's partner, the characters of blanks, under conditions too."""

from poetvae import Poet

poet = Poet.from_pretrained()

# A line gets its partner. Candidates are ranked, see poetvae.generation.ranking: the best first.
print("A line and its partner:")
for poem in poet.complete("山月臨窗白", n=3, candidates=4, seed=1):
    print(" ", poem.text, f" log p(x) > {poem.bound:.1f} nats, score {poem.score:.1f}")

# Blanks are filled; what is there stays as it is.
print("Blanks:")
for poem in poet.complete("山月_窗白，溪風入__。", n=3, seed=1):
    print(" ", poem.text)

# Whatever can be asked of poems can be asked of completions.
print("A partner that rhymes with 流 and keeps the tones:")
for poem in poet.complete("白日依山盡", n=3, form="5x2", rhyme="流", tones="strict", seed=1):
    print(" ", poem.text)
