"""A lab of real parts from Debian on loopback; see tests/README.md."""

from . import dns, pki
from .ca import CaOptions
from .lab import BARE, BIN, ORG, ZONE, Answer, Lab, LabOptions, long_name, target_of
from .process import LabError, Process, wait_until
from .proxy import Fault

__all__ = ["BARE", "BIN", "ORG", "ZONE", "Answer", "CaOptions", "Fault", "Lab", "LabError", "LabOptions", "Process",
           "dns", "long_name", "pki", "target_of", "wait_until"]
