# SPDX-License-Identifier: Apache-2.0
"""The whole road once: pre-train, convert, fine-tune for a new person everywhere, report.

This room composes the others; nothing may import it but the command `biotrain demo`.
"""
