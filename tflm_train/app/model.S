// SPDX-License-Identifier: Apache-2.0
// The flatbuffer, as it is: faster to build than an array in C.
  .section .model, "a"
  .balign 16
  .globl biotrain_model
biotrain_model:
  .incbin "model.tflite"
  .globl biotrain_model_end
biotrain_model_end:
  // Samples that the firmware keeps; there may be none.
  .balign 16
  .globl biotrain_samples
biotrain_samples:
  .incbin "samples.bin"
  .globl biotrain_samples_end
biotrain_samples_end:
  .globl biotrain_model_name
biotrain_model_name:
  .asciz BIOTRAIN_MODEL_NAME
