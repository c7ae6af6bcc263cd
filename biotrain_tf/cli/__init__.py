# SPDX-License-Identifier: Apache-2.0
"""The command `biotrain`, a subcommand a file."""
