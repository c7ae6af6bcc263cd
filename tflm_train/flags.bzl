# SPDX-License-Identifier: Apache-2.0
"""Every compiler flag of the C++, named once: Bazel loads this, make reads it through flags.py.

Only literals: flags.py evaluates the right-hand sides with ast.literal_eval.
"""

# Code and bits. Contraction is off and fma explicit, so that all targets end with the same bits.
COPTS = [
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffunction-sections",
    "-fdata-sections",
]

CXXOPTS = [
    "-std=c++17",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-use-cxa-atexit",
]

BARE_METAL_COPTS = [
    "-fno-asynchronous-unwind-tables",
]

# Comes after COPTS, for micro/ and app/ on a microcontroller: they decide, the kernels compute, and
# a third of their code is saved.
RUNNER_COPTS = [
    "-Os",
]

# Without a libc: the ports define memcpy, memmove, memset and memcmp themselves.
BARE_METAL_LINKOPTS = [
    "-nostartfiles",
    "-nostdlib",
    "-static",
    "-Wl,--gc-sections",
    "-Wl,--no-warn-rwx-segments",
    "-Wl,--fatal-warnings",
]

HOST_LINKOPTS = [
    "-Wl,--gc-sections",
]

# Added on a host whose processor has it; without it kernels/fma.h computes the same in software.
HOST_FMA = ["-mfma"]

# Comes after COPTS: -O3 would take minutes here and finds no more.
SANITIZE = [
    "-O1",
    "-g1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
]

# Finds two threads that touch the same bytes without order; not together with the above.
SANITIZE_THREADS = [
    "-O1",
    "-g1",
    "-fsanitize=thread",
    "-fno-omit-frame-pointer",
]

# What each target adds when compiling and linking.
ARCH = {
    "host": [],
    "cortex-m4f": ["-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
    "cortex-m7": ["-mthumb", "-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"],
    "cortex-m33": ["-mthumb", "-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"],
    # Helium flushes subnormals to zero, scalar code does not: which of them computes is said by
    # intrinsics, not left to the compiler.
    "cortex-m55": ["-mthumb", "-mcpu=cortex-m55", "-mfloat-abi=hard", "-fno-tree-vectorize"],
    # Debian has no C++ headers for RISC-V; those of Arm's newlib serve, header-only. flags.py puts
    # the newest installed version in the place of NEWEST.
    "riscv32": [
        "-march=rv32imafc",
        "-mabi=ilp32f",
        "-nostdinc++",
        "-isystem",
        "/usr/include/newlib/c++/NEWEST",
        "-isystem",
        "/usr/include/newlib/c++/NEWEST/arm-none-eabi/thumb/v7e-m+fp/hard",
        "-isystem",
        "/usr/lib/picolibc/riscv64-unknown-elf/include",
    ],
}

# Tests compare kernels with the maths library; nothing else is linked with one.
TEST_LIBS = {
    "host": ["-lm"],
    "cortex-m4f": ["-lm", "-lc"],
    "cortex-m7": ["-lm", "-lc"],
    "cortex-m33": ["-lm", "-lc"],
    "cortex-m55": ["-lm", "-lc"],
    "riscv32": ["-L/usr/lib/picolibc/riscv64-unknown-elf/lib/release/rv32imafc/ilp32f", "-lm", "-lc"],
}
