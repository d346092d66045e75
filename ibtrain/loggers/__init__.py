"""Callbacks that log the metrics of every epoch, and the points of the information plane."""

from ibtrain.loggers.base import LogEntry, Logger
from ibtrain.loggers.csv import CSVLogger
from ibtrain.loggers.tensorboard import TensorBoardLogger
from ibtrain.loggers.wandb import WandbLogger

__all__ = ["CSVLogger", "LogEntry", "Logger", "TensorBoardLogger", "WandbLogger"]
