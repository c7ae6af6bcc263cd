# SPDX-License-Identifier: Apache-2.0
"""The command `biotrain`, a subcommand a file: arguments in, exit code out.

This room holds no logic of its own; errors end here, in one line.
"""
