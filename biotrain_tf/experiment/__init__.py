# SPDX-License-Identifier: Apache-2.0
"""The protocol: pre-train on other people, adapt to one on the runner, compare in pairs.

It composes data, models, converter and devices; none of them may know this room. Arithmetic of a
training step is not done here, and no figure of a page is written by hand.
"""
