# SPDX-License-Identifier: Apache-2.0
*** Comments ***
renode-test --variable ELF:/path/to/conv_test scripts/renode/cortex_m7.robot
The program is one of our tests, built for this core: it prints PASS at its end.

*** Variables ***
${ELF}               %{BIOTRAIN_TEST_ELF=}
${SCRIPT}            ${CURDIR}/cortex_m7.resc
${UART}              sysbus.uart0

*** Test Cases ***
A Test Program Should Pass On Cortex-M7
    [Timeout]                2 minutes
    Execute Command          $elf=@${ELF}
    Execute Command          include @${SCRIPT}
    Create Terminal Tester   ${UART}  timeout=60
    Start Emulation
    Wait For Line On Uart    PASS
