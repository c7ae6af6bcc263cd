// SPDX-License-Identifier: Apache-2.0
// RV32: stack, FPU on, traps reported.
  .section .start, "ax"
  .globl biotrain_start
biotrain_start:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  la sp, biotrain_stack_top
  la t0, trap_entry
  csrw mtvec, t0
  li t0, 0x2000  // mstatus.FS = initial: the FPU answers
  csrs mstatus, t0
  csrw fcsr, x0
  // No access, not even by machine mode, to the 32 KB right below the stack: a
  // naturally aligned power of two, whose size is the trailing ones.
  la t0, biotrain_stack_limit
  li t1, -32768
  add t0, t0, t1
  srli t0, t0, 2
  li t1, 0xfff
  or t0, t0, t1
  csrw pmpaddr0, t0
  li t0, 0x98  // locked, naturally aligned power of two
  csrw pmpcfg0, t0
  call biotrain_start_program

// A semihosting breakpoint nobody answers becomes a trap: if that call was the
// probe, return -1 from it. Any other trap is reported on a fresh stack.
  .balign 4
trap_entry:
  la t0, biotrain_semihosting_probe
  lw t1, 0(t0)
  beqz t1, 1f
  sw x0, 0(t0)
  li a0, -1
  csrr t1, mepc
  addi t1, t1, 4
  csrw mepc, t1
  mret
1:
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mtval
  la sp, biotrain_stack_top
  call biotrain_report_fault

// The three instructions must be uncompressed and lie in one page.
  .text
  .globl biotrain_semihosting_call
  .balign 16
biotrain_semihosting_call:
  .option push
  .option norvc
  slli x0, x0, 0x1f
  ebreak
  srai x0, x0, 7
  .option pop
  ret
