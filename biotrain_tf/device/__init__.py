# SPDX-License-Identifier: Apache-2.0
"""Running a flatbuffer: this machine, QEMU, Renode, a board. One interface, one file each.

This room knows files, processes and the protocol; it must not know TensorFlow, Keras or data sets.
"""
