"""Log the metrics of every epoch, and the points of the plane, to a CSV file.

python examples/csv_logger.py
"""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

from ibtrain import InformationPlane, LayerwiseTrainer, load_dataset, mlp
from ibtrain.loggers import CSVLogger

data = load_dataset("digits")
with TemporaryDirectory() as folder:
    logger = CSVLogger(Path(folder) / "log.csv")
    plane = InformationPlane(data, on_point=logger.on_point)
    LayerwiseTrainer(mlp(64, [40, 12], 10), callbacks=[plane, logger]).fit(data)
    with open(logger.path, newline="") as file:
        rows = list(csv.DictReader(file))

print(f"{len(rows)} rows; I(X;T) in nats:")
for row in rows:
    if row["name"] == "plane/mi_xt_channel":
        print(
            f"{row['layer']:8}  epoch {row['epoch']}  {row['name']:20}  {float(row['value']):.3f}"
        )
