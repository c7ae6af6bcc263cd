// SPDX-License-Identifier: Apache-2.0
// QEMU plugin: how many instructions the guest executes between two calls of
// one function, exactly. Options: mark=<address>,out=<file>. The file gets
// `interval=<n> instructions=<count>` for the 1st and 2nd, 3rd and 4th .. call,
// and `total=<count>` at the end.
//
// The counter is advanced once for each translated block, by its length. Called
// functions begin a block, so both calls see the count at the same place.
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What qemu-plugin.h (API version 1) declares; Debian does not ship it.
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id,
                                               struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t id, void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
                                              enum qemu_plugin_op op, void *ptr,
                                              uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            qemu_plugin_vcpu_udata_cb_t cb,
                                            enum qemu_plugin_cb_flags flags,
                                            void *userdata);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
                                    qemu_plugin_udata_cb_t cb, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(
    const struct qemu_plugin_tb *tb, size_t idx);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
                               int argc, char **argv);

// Advanced by translated code.
static uint64_t executed;

static uint64_t mark_address;
static FILE *output;
static uint64_t interval_start;
static uint64_t calls;

static void on_mark(unsigned int vcpu, void *userdata) {
  (void)vcpu;
  (void)userdata;
  if (calls % 2 == 0) {
    interval_start = executed;
  } else {
    fprintf(output, "interval=%" PRIu64 " instructions=%" PRIu64 "\n",
            calls / 2, executed - interval_start);
  }
  ++calls;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  const size_t length = qemu_plugin_tb_n_insns(tb);
  qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
                                           &executed, length);
  for (size_t i = 0; i < length; ++i) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    if (qemu_plugin_insn_vaddr(insn) == mark_address) {
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
                                             QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
  }
}

static void on_end(qemu_plugin_id_t id, void *userdata) {
  (void)id;
  (void)userdata;
  fprintf(output, "total=%" PRIu64 "\n", executed);
  fclose(output);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                        char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "mark=", 5) == 0) {
      mark_address = strtoull(argv[i] + 5, NULL, 0);
    } else if (strncmp(argv[i], "out=", 4) == 0) {
      output = fopen(argv[i] + 4, "w");
    }
  }
  if (output == NULL) {
    fprintf(stderr, "insn_count: out=<file> is missing or cannot be written\n");
    return -1;
  }
  // A line at a time: an emulator that is killed leaves what it has counted.
  setvbuf(output, NULL, _IOLBF, 0);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_end, NULL);
  return 0;
}
