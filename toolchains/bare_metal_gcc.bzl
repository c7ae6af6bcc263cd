# SPDX-License-Identifier: Apache-2.0
"""A bare-metal GCC that is installed on this machine, as a Bazel toolchain; nothing is downloaded."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "feature", "flag_group", "flag_set", "tool_path")

_COMPILE = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.preprocess_assemble,
]
_LINK = [ACTION_NAMES.cpp_link_executable]
_TOOLS = ["ar", "cpp", "gcc", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]

def _flags(name, actions, flags):
    groups = [flag_group(flags = flags)] if flags else []
    return feature(
        name = name,
        enabled = True,
        flag_sets = [flag_set(actions = actions, flag_groups = groups)] if groups else [],
    )

def _bare_metal_config_impl(ctx):
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = ctx.label.name,
        host_system_name = "local",
        target_system_name = "bare_metal",
        target_cpu = ctx.attr.cpu,
        target_libc = "newlib",
        compiler = "gcc",
        abi_version = "eabi",
        abi_libc_version = "newlib",
        features = [
            feature(name = "supports_pic", enabled = False),
            feature(name = "supports_dynamic_linker", enabled = False),
            feature(name = "static_link_cpp_runtimes", enabled = False),
            # Bazel wants the paths of system headers as they were given.
            _flags("arch", _COMPILE, ctx.attr.arch + ["-fno-canonical-system-headers", "-no-canonical-prefixes"]),
            _flags("arch_link", _LINK, ctx.attr.arch),
        ],
        cxx_builtin_include_directories = ctx.attr.includes,
        tool_paths = [tool_path(name = tool, path = ctx.attr.prefix + tool) for tool in _TOOLS],
    )

_bare_metal_config = rule(
    implementation = _bare_metal_config_impl,
    provides = [CcToolchainConfigInfo],
    attrs = {
        "arch": attr.string_list(),
        "cpu": attr.string(),
        "includes": attr.string_list(),
        "prefix": attr.string(),
    },
)

def bare_metal_gcc(name, constraints, **config):
    """Platform `name` and toolchain `name`_toolchain; config: prefix, cpu, arch flags, system include folders."""
    _bare_metal_config(name = name + "_config", **config)
    native.cc_toolchain(
        name = name + "_cc",
        all_files = ":empty",
        ar_files = ":empty",
        as_files = ":empty",
        compiler_files = ":empty",
        dwp_files = ":empty",
        linker_files = ":empty",
        objcopy_files = ":empty",
        strip_files = ":empty",
        supports_param_files = 1,
        toolchain_config = name + "_config",
    )
    native.toolchain(
        name = name + "_toolchain",
        exec_compatible_with = ["@platforms//os:linux"],
        target_compatible_with = constraints,
        toolchain = name + "_cc",
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
    )
    native.platform(
        name = name,
        constraint_values = constraints,
    )
