# SPDX-License-Identifier: Apache-2.0
"""One rewrite a file, each a pure function ``Graph -> Graph`` that leaves the step's results
unchanged.

This room knows ``graph`` only; it must not know TensorFlow, Keras or devices.
"""
