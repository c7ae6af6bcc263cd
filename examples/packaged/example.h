// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_PACKAGED_EXAMPLE_H_
#define EXAMPLES_PACKAGED_EXAMPLE_H_

#ifdef __cplusplus
extern "C" {
#endif

// 0 if all went well, otherwise a biotrain::StatusCode.
int biotrain_example(void);

#ifdef __cplusplus
}
#endif

#endif  // EXAMPLES_PACKAGED_EXAMPLE_H_
