# SPDX-License-Identifier: Apache-2.0
"""Reference Keras models, one a file."""
