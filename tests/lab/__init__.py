"""A lab of real parts from Debian on loopback; see tests/README.md."""

from . import dns, many, pki
from .ca import HANGS, CaOptions
from .ca_more import CaMore, MoreOptions
from .dnssec import DnsSec
from .lab import BARE, BIN, FIRST, ORG, SECOND, ZONE, Answer, Lab, LabOptions, long_name, target_of
from .process import LabError, Process, wait_until
from .proxy import Fault

__all__ = ["BARE", "BIN", "FIRST", "HANGS", "ORG", "SECOND", "ZONE", "Answer", "CaMore", "CaOptions", "DnsSec", "Fault", "Lab",
           "LabError", "LabOptions", "MoreOptions", "Process", "dns", "long_name", "many", "pki", "target_of", "wait_until"]
