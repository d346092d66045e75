"""What ``ibtrain compare`` does, from Python: both methods, their accuracies and their layers.

python examples/compare_from_python.py
"""

from ibtrain import Experiment, ModelConfig, OptimConfig, PlaneConfig, RunConfig

optim = OptimConfig(learning_rate=2e-3, batch_size=64, epochs=10)
config = RunConfig(
    dataset="digits",
    seeds=(0,),
    model=ModelConfig(hidden=(100, 40)),
    layerwise=optim,
    end_to_end=optim,
    plane=PlaneConfig(points=3, critic_steps=40, batch_size=128),
)
results = Experiment(config).run()

for method, (trained,) in results.methods.items():
    print(f"{method}: {100 * trained.accuracies['test']:.1f} % of the test digits")
    for layer in trained.layers:
        print(
            f"  {layer.layer}: probe {100 * layer.scalars['probe_accuracy']:.1f} %, "
            f"I(T;Y) {layer.estimates['mi_ty'].mi:.2f} ± {layer.estimates['mi_ty'].stderr:.2f} nats"
        )
