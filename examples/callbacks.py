"""Follow a training by callbacks: a function, a class of your own, and one that ends a block early.

python examples/callbacks.py
"""

import torch

from ibtrain import Callback, Event, LayerwiseTrainer, StopOnPlateau, load_dataset, mlp


class LargestStep(Callback):
    """Finds the step of each block that changes its first weight matrix most."""

    def on_block_begin(self, event: Event) -> None:
        self.weight = next(event.model.blocks.parameters())
        self.before = self.weight.detach().clone()
        self.largest = (0.0, 0)

    def on_step(self, event: Event) -> None:
        change = (self.weight.detach() - self.before).norm().item()
        self.largest = max(self.largest, (change, event.epoch * event.steps + event.step))
        self.before = self.weight.detach().clone()

    def on_block_end(self, event: Event) -> None:
        change, step = self.largest
        print(
            f"{event.stage:8}  {event.epoch:2} epochs, largest change {change:.3f} at step {step}"
        )


def report(event: Event) -> None:
    """A function is called with every event but those of steps; ``event.kind`` says which."""
    if event.kind == "end":
        print(f"{event.stage:8}  training accuracy {100 * event.metrics['train_accuracy']:.1f} %")


data = load_dataset("digits")
torch.manual_seed(0)
stop = StopOnPlateau("train_accuracy", patience=5, min_delta=0.001)
trainer = LayerwiseTrainer(mlp(64, [40, 12], 10), callbacks=[LargestStep(), report, stop])
result = trainer.fit(data)
print(f"test accuracy {100 * result.accuracies['test']:.1f} %")
