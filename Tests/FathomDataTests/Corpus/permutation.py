#!/usr/bin/env python3
"""The permutation of the library once more, written from its description: prints permutation(10, seed 0, epoch 0)."""
M = (1 << 64) - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
    return z ^ (z >> 31)


class SplitMix:
    def __init__(self, seed, stream):
        self.state = mix(mix((seed + 0x9E3779B97F4A7C15) & M) ^ ((stream * 0xD1B54A32D192ED03) & M))

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & M
        return mix(self.state)

    def below(self, bound):
        threshold = (1 << 64) % bound
        while True:
            product = self.next() * bound
            if product & M >= threshold:
                return product >> 64


generator = SplitMix(0, 0)
order = list(range(10))
for i in range(9, 0, -1):
    j = generator.below(i + 1)
    order[i], order[j] = order[j], order[i]
print(order)
