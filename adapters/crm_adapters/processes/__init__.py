"""How does work go to processes of this machine, though one of them may be killed?"""

from .pool import Processes

__all__ = ["Processes"]
