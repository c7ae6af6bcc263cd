# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F821, UP031
"""Commands for Renode's monitor. It reads this file itself, as Python 2, and defines `self`.

count_steps PATH   appends a line to PATH whenever the program passes `biotrain_mark`
send_file PATH     sends what is in PATH to the program once its first line has come
"""

import System

MARK = "biotrain_mark"
END_OF_LINE = 10


def mc_count_steps(path):
    cpu = self.Machine["sysbus.cpu"]
    try:
        # Bit 0 of a symbol says Thumb.
        address = self.Machine.SystemBus.GetSymbolAddress(MARK) & ~1
    except Exception:
        return  # A program without steps, such as a test.

    def on_mark(_, pc):
        line = "mark instructions=%d\n" % cpu.ExecutedInstructions
        System.IO.File.AppendAllText(path, line)

    cpu.AddHook(address, on_mark)


def mc_send_file(path):
    uart = self.Machine["sysbus.uart0"]
    if System.IO.FileInfo(path).Length == 0:
        return  # As /dev/null, which cannot be read whole.
    content = System.IO.File.ReadAllBytes(path)

    def on_byte(byte):
        if byte == END_OF_LINE:
            uart.CharReceived -= on_byte
            for each in content:
                uart.WriteChar(each)

    uart.CharReceived += on_byte
