"""Log a run to TensorBoard (needs tensorboard: pip install tensorboard).

python examples/tensorboard_logger.py && tensorboard --logdir runs/tensorboard
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from ibtrain import ModelConfig, RunConfig, run
from ibtrain.loggers import TensorBoardLogger

config = RunConfig(seeds=(0,), model=ModelConfig(hidden=(40, 12)))
logger = TensorBoardLogger("runs/tensorboard")
with TemporaryDirectory() as folder:
    # a folder that you keep continues a run that was interrupted
    finished = run(config, Path(folder), callbacks=[logger])
    for method in config.methods:
        (result,) = finished.results()[method]
        print(f"{method:10}  test accuracy {100 * result['test_accuracy']:.1f} %")
logger.close()
print(f"charts: tensorboard --logdir {logger.log_dir}")
