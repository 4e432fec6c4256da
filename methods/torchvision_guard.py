"""Import this before diffusers or peft: the guard of `core.torchvision_guard`, which says what it is for."""

from privtalk.core.torchvision_guard import LIBRARY as LIBRARY
