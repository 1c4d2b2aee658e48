"""Root without its privileges: `python -m capabilities MODULE ARGUMENT…` runs a module so."""

from __future__ import annotations

import ctypes
import runpy
import sys


def give_up() -> None:
    """Let the permissions of files hold for this process, even if it is root's.

    A program that it starts as root has them again.
    """
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None).capset(version_3, none) != 0:
        raise OSError("the capabilities cannot be given up")


if __name__ == "__main__":
    give_up()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
