#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a firmware for the MPS2 board with a Cortex-M4F; its exit code is the program's.
exec timeout 60 qemu-system-arm -M mps2-an386 -display none -monitor none -serial stdio \
  -semihosting-config enable=on,target=native -kernel "$1"
