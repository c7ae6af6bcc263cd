# SPDX-License-Identifier: Apache-2.0
"""How results look: the table on the terminal, the HTML page, the plots.

This room computes nothing; it must not know where its numbers come from.
"""
