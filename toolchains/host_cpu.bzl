# SPDX-License-Identifier: Apache-2.0
"""What the compiler may assume of the machine that runs Bazel."""

def _host_cpu_impl(repository_ctx):
    found = repository_ctx.execute(["grep", "-qwm1", "fma", "/proc/cpuinfo"])
    copts = ["-mfma"] if found.return_code == 0 else []
    repository_ctx.file("BUILD", "")
    repository_ctx.file("copts.bzl", "HOST_COPTS = %r\n" % copts)

# @host_cpu//:copts.bzl holds HOST_COPTS. Without -mfma the kernels use their software multiply-add.
host_cpu = repository_rule(
    implementation = _host_cpu_impl,
    configure = True,
    local = True,
)
