# SPDX-License-Identifier: Apache-2.0
"""The whole road once: pre-train, convert, fine-tune for a new person everywhere, report."""
