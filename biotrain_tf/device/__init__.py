# SPDX-License-Identifier: Apache-2.0
"""Running a flatbuffer somewhere: this machine, QEMU, Renode. One interface, one file each."""
