# SPDX-License-Identifier: Apache-2.0
"""The files a conversion leaves behind, besides the flatbuffer: the C array and the report.

This room knows finished graphs and plans; it must not know Keras, TensorFlow or kernels.
"""
