# SPDX-License-Identifier: Apache-2.0
"""A tiny transformer for heartbeats in Keras 3, of the size of Busia et al. (arXiv 2402.10748).

A beat is cut into patches; each becomes a token, to which what is learnt for its position is added.
Two pre-norm encoder blocks follow; the mean of the tokens is classified. About 6,000 parameters.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import as_sequence, require_positive


def ecg_transformer(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    patch_size: int = 11,
    emb_dim: int = 16,
    num_heads: int = 2,
    n_layers: int = 2,
    dim_feedforward: int = 48,
    layer_norm_eps: float = 1e-5,
    drop_prob: float = 0.1,
    name: str = "ecg_transformer",
) -> keras.Model:
    """Build the transformer for one-image-per-beat input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Leads, kinds of beats, and samples of one beat, a multiple of ``patch_size``.
    patch_size, emb_dim
        Samples of one patch, and the width of a token.
    num_heads, n_layers, dim_feedforward
        Heads of attention, encoder blocks, and hidden width of their dense halves.
    drop_prob
        Dropout after attention, after the dense half, and before the classifier.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs, n_times=n_times)
    if n_times % patch_size:
        raise ValueError(f"n_times must be a multiple of patch_size {patch_size}, got {n_times}")
    if emb_dim % num_heads:
        raise ValueError(f"emb_dim must be a multiple of num_heads {num_heads}, got {emb_dim}")
    layers = keras.layers
    n_tokens = n_times // patch_size

    def norm(label: str) -> keras.Layer:
        return layers.LayerNormalization(epsilon=layer_norm_eps, name=label)

    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = as_sequence(inputs, n_chans, n_times)
    x = layers.Reshape((n_tokens, patch_size * n_chans), name="patches")(x)
    # A bias for every position is a patch embedding and a position embedding in one.
    x = layers.EinsumDense(
        "bpx,xe->bpe", output_shape=(n_tokens, emb_dim), bias_axes="pe", name="embedding"
    )(x)
    for block in range(1, n_layers + 1):
        tokens = norm(f"attention_norm{block}")(x)
        tokens = layers.MultiHeadAttention(
            num_heads, emb_dim // num_heads, name=f"attention{block}"
        )(tokens, tokens)
        tokens = layers.Dropout(drop_prob, name=f"attention_dropout{block}")(tokens)
        x = layers.Add(name=f"attention_add{block}")([x, tokens])
        tokens = norm(f"dense_norm{block}")(x)
        tokens = layers.Dense(dim_feedforward, activation="gelu", name=f"hidden{block}")(tokens)
        tokens = layers.Dense(emb_dim, name=f"dense{block}")(tokens)
        tokens = layers.Dropout(drop_prob, name=f"dense_dropout{block}")(tokens)
        x = layers.Add(name=f"dense_add{block}")([x, tokens])
    x = layers.GlobalAveragePooling1D(name="features")(norm("norm")(x))
    x = layers.Dropout(drop_prob, name="dropout")(x)
    logits = layers.Dense(n_outputs, name="classifier")(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
