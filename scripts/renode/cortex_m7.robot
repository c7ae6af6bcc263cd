# SPDX-License-Identifier: Apache-2.0
*** Settings ***
Documentation        One training on a Cortex-M7 in Renode. README.md beside this file says how to start it.
Resource             ${CURDIR}/training.resource

*** Test Cases ***
Training_On_Cortex_M7
    [Timeout]            10 minutes
    Train As QEMU Does   ${CURDIR}/cortex_m7.resc
