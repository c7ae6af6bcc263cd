# SPDX-License-Identifier: Apache-2.0
"""How a gradient is written down: as TFLite builtins, or as compact ops with kernels of ours.

TensorFlow's autodiff decides *which* gradients there are. This room knows TensorFlow ops only; it
must not know Keras layers, flatbuffers or devices.
"""
