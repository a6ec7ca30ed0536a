"""The latent space: from one poem to another, and around one."""

from poetvae import Poet

poet = Poet.from_pretrained()
start, end = "山月臨窗白，溪風入座清。", "雨後雲歸寺，燈前雁過樓。"

# Encoding a poem gives a Gaussian over z; its mean decodes to what z has kept of the poem: its
# subject and its manner, not its words, which the passes find from each other.
q = poet.encode([start, end])
apart = (q.mode[0] - q.mode[1]).norm()
print(f"z has {q.mode.shape[1]} dimensions, in which the two means are {apart:.1f} apart.")
print("Through the latent space and back:", *poet.reconstruct([start, end]))

# A straight line between the means. Its ends are the two reconstructions.
print("\nA straight line:")
for poem in poet.interpolate(start, end, steps=5, mode="lerp"):
    print(" ", poem)

# A bridge: characters of the one give way to those of the other, what is open is written anew.
print("\nA bridge:")
for poem in poet.interpolate(start, end, steps=5, mode="bridge"):
    print(" ", poem)

# Distance 1 draws from q(z | poem): the same in other words.
print("\nAround the first one:")
for poem in poet.vary(start, n=4, distance=1.0, seed=1):
    print(" ", poem)
