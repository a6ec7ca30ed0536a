"""The latent space: from one poem to another, and around one."""

from poetvae import Poet

poet = Poet.from_pretrained()
start, end = "山月臨窗白，溪風入座清。", "雨後雲歸寺，燈前雁過樓。"

# Encoding a poem gives a Gaussian over z. Its mean decodes to what the model retains of the poem.
q = poet.encode([start, end])
apart = (q.mode[0] - q.mode[1]).norm()
print(f"z has {q.mode.shape[1]} dimensions, in which the two means are {apart:.1f} apart.")
print("Through the latent space and back:", *poet.reconstruct([start, end]))

# A straight line between the means; its ends are the two reconstructions.
print("\nOn the way:")
for poem in poet.interpolate(start, end, steps=7):
    print(" ", poem)

# Distance 1 draws from q(z | poem): other words for it. Farther out there are other poems.
for distance in (1.0, 3.0):
    print(f"\nAround the first one, at distance {distance:g}:")
    for poem in poet.vary(start, n=3, distance=distance, seed=1):
        print(" ", poem)
