"""Train your own network layer by layer, and watch it on the information plane.

python examples/own_network.py
"""

from torch import nn

from ibtrain import (
    InformationPlane,
    LayerwiseTrainer,
    ObjectiveConfig,
    OptimConfig,
    PlaneConfig,
    load_dataset,
)

data = load_dataset("digits")

# any nn.Sequential is cut into blocks: one starts at every layer with a weight matrix
network = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 100),
    nn.ReLU(),
    nn.Linear(100, 40),
    nn.ReLU(),
    nn.Linear(40, 10),
)

plane = InformationPlane(
    data, noise_std=0.5, config=PlaneConfig(points=4, critic_steps=40, batch_size=128)
)
trainer = LayerwiseTrainer(
    network,
    ObjectiveConfig(beta=(1e-3,), noise_std=(0.5,)),
    OptimConfig(learning_rate=2e-3, batch_size=64, epochs=10),
    seed=0,
    callbacks=[plane],
)
result = trainer.fit(data)

print(f"test accuracy {result.accuracies['test']:.3f}")
for point in plane.points:
    known = point.estimates["mi_xt_channel"]
    print(
        f"{point.layer:8} epoch {point.epoch:2}  I(T;Y) {point.estimates['mi_ty'].mi:.2f}  "
        f"I(X;T) {known.mi:.2f} of at most {known.ceiling:.2f} nats {', '.join(known.flags)}"
    )
