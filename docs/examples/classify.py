"""A classifier of your own, of gated convolutions: does a line run forwards, or backwards?

A line and its reverse have the same letters, so counting letters is right half of the time; what
stands beside what is the business of a convolution. `poetvae.nn` needs torch alone.
"""

import torch
from torch import nn

from poetvae.data.corpus import sample_folder
from poetvae.nn import GCNN

torch.manual_seed(0)
text = (sample_folder() / "english.txt").read_text(encoding="utf-8").lower()
lines = [line.strip(".,:;?!\"'") for line in text.splitlines() if line]


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(128, 32)
        self.stack = GCNN(32, num_layers=2, kernel_size=3)
        self.drop, self.out = nn.Dropout(0.3), nn.Linear(32, 2)

    def forward(self, letters: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.stack(self.embed(letters).transpose(1, 2), mask)  # channels first: (B, 32, T)
        return self.out(self.drop((x * mask[:, None]).sum(2) / mask.sum(1, keepdim=True)))


def batch(lines: list[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Both ways: letters (2B, T), where one stands (2B, T), and 0 or 1, which way it is."""
    both = [list(line.encode("ascii", "replace")) for line in lines]
    both += [line[::-1] for line in both]
    letters = nn.utils.rnn.pad_sequence([torch.tensor(line) for line in both], batch_first=True)
    return letters, letters > 0, torch.arange(2).repeat_interleave(len(lines))


held_out, train = lines[::4], [line for i, line in enumerate(lines) if i % 4]
model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(12):
    for i in range(0, len(train), 16):
        letters, mask, way = batch(train[i : i + 16])
        loss = nn.functional.cross_entropy(model(letters, mask), way)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
letters, mask, way = batch(held_out)
right = (model.eval()(letters, mask).argmax(1) == way).float().mean()
print(f"{right:.0%} of {len(way)} lines that it has not seen: it knows which way they run")
