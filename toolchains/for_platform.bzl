# SPDX-License-Identifier: Apache-2.0
"""for_platform builds one target for another platform, so that one `bazel test //...` covers host and device."""

def _platform_transition_impl(_settings, attr):
    return {"//command_line_option:platforms": attr.platform}

_platform_transition = transition(
    implementation = _platform_transition_impl,
    inputs = [],
    outputs = ["//command_line_option:platforms"],
)

def _for_platform_impl(ctx):
    elf = ctx.actions.declare_file(ctx.label.name + ".elf")
    ctx.actions.symlink(output = elf, target_file = ctx.files.target[0])
    return [DefaultInfo(files = depset([elf]), runfiles = ctx.runfiles([elf]))]

for_platform = rule(
    implementation = _for_platform_impl,
    attrs = {
        "platform": attr.string(mandatory = True),
        "target": attr.label(cfg = _platform_transition, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
