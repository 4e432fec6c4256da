"""Import this before diffusers or peft: the guard of `metrics.torchvision_guard`, which says what it is for."""

from privtalk.metrics.torchvision_guard import LIBRARY as LIBRARY
