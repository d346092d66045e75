"""What ``ibtrain compare`` does, from Python: both methods, their accuracies and their layers.

python examples/compare_from_python.py
"""

from tempfile import TemporaryDirectory

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig, run

optim = OptimConfig(learning_rate=2e-3, batch_size=64, epochs=10)
config = RunConfig(
    dataset="digits",
    seeds=(0,),
    model=ModelConfig(hidden=(100, 40)),
    layerwise=optim,
    end_to_end=optim,
    plane=PlaneConfig(points=3, critic_steps=40, batch_size=128),
)
with TemporaryDirectory() as path:
    folder = run(config, path)
    results, points = folder.results(), folder.plane_points()

for method in config.methods:
    print(f"{method}: {100 * results[method][0]['test_accuracy']:.1f} % of the test digits")
    # a layer's last point is where it ends
    for layer in {point.layer: point for point in points if point.method == method}.values():
        mi_ty = layer.estimates["mi_ty"]
        print(
            f"  {layer.layer}: probe {100 * layer.scalars['probe_accuracy']:.1f} %, "
            f"I(T;Y) {mi_ty.mi:.2f} ± {mi_ty.stderr:.2f} nats"
        )
