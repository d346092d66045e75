"""torch-mist's MINE, as its own training function runs it; in the environment of make_venv.sh."""

from problem import BATCH_SIZE, HIDDEN, LEARNING_RATE, report, samples
from torch_mist.estimators import mine
from torch_mist.utils.train import train_mi_estimator


def train(steps: int) -> None:
    x, y = samples()
    estimator = mine(x_dim=x.shape[1], y_dim=y.shape[1], hidden_dims=list(HIDDEN), neg_samples=1)
    train_mi_estimator(
        estimator,
        train_data={"x": x, "y": y},
        valid_percentage=0,
        batch_size=BATCH_SIZE,
        max_iterations=steps,
        optimizer_params={"lr": LEARNING_RATE},
        verbose=False,
        logger=False,
    )


report("torch-mist", train)
