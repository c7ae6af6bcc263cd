# SPDX-License-Identifier: Apache-2.0
"""How results look: the table on the terminal, the HTML page, the plots. Computes nothing."""
