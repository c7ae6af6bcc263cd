# SPDX-License-Identifier: Apache-2.0
*** Settings ***
Documentation        One training on an RV32IMAFC core in Renode. README.md beside this file says how to start it.
Resource             ${CURDIR}/training.resource

*** Test Cases ***
Training_On_RV32
    [Timeout]            10 minutes
    Train As QEMU Does   ${CURDIR}/riscv32.resc
