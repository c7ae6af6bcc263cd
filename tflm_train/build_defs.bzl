# SPDX-License-Identifier: Apache-2.0
"""The rules of this project: flags come from flags.bzl, sources are found, every foo_test.cc is a test."""

load("@host_cpu//:copts.bzl", "HOST_COPTS")
load("//toolchains:for_platform.bzl", "for_platform")
load(
    ":flags.bzl",
    "BARE_METAL_COPTS",
    "BARE_METAL_LINKOPTS",
    "COPTS",
    "CXXOPTS",
    "HOST_LINKOPTS",
    "RUNNER_COPTS",
)

_BARE_METAL = "//toolchains:bare_metal"

def _copts():
    return COPTS + CXXOPTS + select({
        _BARE_METAL: BARE_METAL_COPTS,
        "//conditions:default": HOST_COPTS,
    })

# For the libraries of micro/ and app/.
RUNNER = select({
    _BARE_METAL: RUNNER_COPTS,
    "//conditions:default": [],
})

def biotrain_library(name, exclude = [], folders = [""], copts = [], **kwargs):
    """All C++ of `folders` (of this package), tests and programs left out."""
    native.cc_library(
        name = name,
        srcs = native.glob(
            [folder + "*.cc" for folder in folders],
            exclude = ["**/*_test.cc", "**/*_main.cc"] + exclude,
            allow_empty = True,
        ),
        hdrs = native.glob([folder + "*.h" for folder in folders], allow_empty = True),
        copts = _copts() + copts,
        visibility = ["//visibility:public"],
        **kwargs
    )

def biotrain_program(name, source, deps):
    """A program for the host."""
    native.cc_binary(
        name = name,
        srcs = [source],
        copts = _copts(),
        linkopts = HOST_LINKOPTS,
        deps = deps + ["//tflm_train/ports:host"],
    )

def biotrain_tests(deps, folders = [""]):
    """A test of each foo_test.cc, on the host."""
    for source in native.glob([folder + "*_test.cc" for folder in folders], allow_empty = True):
        native.cc_test(
            name = source[:-len(".cc")].replace("/", "_"),
            size = "small",
            srcs = [source],
            copts = _copts(),
            linkopts = HOST_LINKOPTS,
            deps = deps + ["//tflm_train/ports:host"],
        )

def biotrain_device_test(name, source, deps):
    """The test program `source`, built for the Cortex-M4F and run on an emulated MPS2 board."""
    native.cc_binary(
        name = name + "_program",
        srcs = [source],
        additional_linker_inputs = [
            "//tflm_train/ports:mps2_an386.ld",
            "//tflm_train/ports:sections.ld",
        ],
        copts = _copts(),
        # Last, since what GCC calls on its own account is resolved by what comes after it.
        linkopts = BARE_METAL_LINKOPTS + [
            "-Ltflm_train/ports",
            "-T",
            "$(location //tflm_train/ports:mps2_an386.ld)",
            "-lgcc",
        ],
        tags = ["manual"],
        deps = deps + ["//tflm_train/ports:mps2"],
    )
    for_platform(
        name = name + "_m4f",
        testonly = True,
        platform = "//toolchains:cortex_m4f",
        tags = ["manual"],
        target = name + "_program",
    )
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["//toolchains:run_on_qemu.sh"],
        args = ["$(location :%s_m4f)" % name],
        data = [":%s_m4f" % name],
    )
