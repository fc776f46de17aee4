#!/usr/bin/env python3
"""Cuts the power of one file system: what was not synced is gone, and everything after answers EIO.

`cut_power.py MOUNT_POINT`. It says `ready`, waits for the end of its input, and cuts. It refuses anything but an ext4 file system on a loop device that is not the root's: the same
call on the root file system stops the machine.
"""

import fcntl
import os
import struct
import sys

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


def source_and_type(mount_point):
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            source, point, kind, *_ = line.split(" ")
            if point == mount_point:
                return source, kind
    raise SystemExit(f"nothing is mounted at {mount_point}")


def main():
    mount_point = os.path.realpath(sys.argv[1])
    source, kind = source_and_type(mount_point)
    if kind != "ext4" or not source.startswith("/dev/loop"):
        raise SystemExit(f"{mount_point} is {kind} on {source}, not ext4 on a loop device")
    handle = os.open(mount_point, os.O_RDONLY)
    if os.fstat(handle).st_dev == os.stat("/").st_dev:
        raise SystemExit(f"{mount_point} is on the root file system")
    print("ready", flush=True)
    sys.stdin.read()
    fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))


main()
