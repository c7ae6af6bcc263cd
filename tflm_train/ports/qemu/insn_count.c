// SPDX-License-Identifier: Apache-2.0
// QEMU plugin: what the guest has executed whenever it enters a function that
// marks something, exactly. Options:
//
//   out=<file>      a line for each event, in order; see below
//   mark=<address>  first instruction of a function: `mark <counts>`
//   op=<address>    the same of another function: `op <counts>`
//   weights=<file>  lines `<address> <loads> <fmas>`, in hexadecimal: how many
//                   words the instruction there loads, how many multiply-adds
//                   it makes; all others make none
//
//   low=<address>   with high=<address>, the stack: counts get a `stack=<n>`,
//                   the bytes below `high` to the deepest that was written
//                   since the last event. Takes several times as long
//   begin=<address> a function from which on that is of interest: `begin`
//
// <counts> are `instructions=<n> loads=<n> fmas=<n>` since the start, and the
// last line is `total <counts>`.
//
// Counters are advanced once for each translated block. Called functions begin
// a block, so all calls of one see the counts at the same place.
#include <inttypes.h>
#include <stdbool.h>
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
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_W = 2 };
typedef uint32_t qemu_plugin_meminfo_t;
typedef void (*qemu_plugin_vcpu_mem_cb_t)(unsigned int vcpu,
                                          qemu_plugin_meminfo_t info,
                                          uint64_t vaddr, void *userdata);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      qemu_plugin_vcpu_mem_cb_t cb,
                                      enum qemu_plugin_cb_flags flags,
                                      enum qemu_plugin_mem_rw rw,
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

struct counts {
  uint64_t instructions, loads, fmas;
};

struct weight {
  uint64_t address, loads, fmas;
};

// Advanced by translated code.
static struct counts executed;

static uint64_t mark_address, op_address, begin_address;
static uint64_t stack_low, stack_high, stack_deepest;
static FILE *output;
static struct weight *weights;  // by rising address
static size_t weight_count;

static char mark_event[] = "mark", op_event[] = "op", total_event[] = "total",
            begin_event[] = "begin";

// Prints the name of the event and the counts.
static void on_event(unsigned int vcpu, void *name) {
  (void)vcpu;
  fprintf(output, "%s instructions=%" PRIu64 " loads=%" PRIu64 " fmas=%" PRIu64,
          (const char *)name, executed.instructions, executed.loads,
          executed.fmas);
  if (stack_high != 0) {
    fprintf(output, " stack=%" PRIu64, stack_high - stack_deepest);
    stack_deepest = stack_high;
  }
  fputc('\n', output);
}

static void on_store(unsigned int vcpu, qemu_plugin_meminfo_t info,
                     uint64_t address, void *userdata) {
  (void)vcpu;
  (void)info;
  (void)userdata;
  if (address >= stack_low && address < stack_deepest) stack_deepest = address;
}

static int compare(const void *a, const void *b) {
  const uint64_t left = ((const struct weight *)a)->address;
  const uint64_t right = ((const struct weight *)b)->address;
  return (left > right) - (left < right);
}

static void add(struct qemu_plugin_tb *tb, uint64_t *counter, uint64_t value) {
  if (value == 0) return;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
                                           counter, value);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  struct counts block = {qemu_plugin_tb_n_insns(tb), 0, 0};
  for (size_t i = 0; i < block.instructions; ++i) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    const struct weight here = {qemu_plugin_insn_vaddr(insn), 0, 0};
    const struct weight *found =
        weight_count == 0
            ? NULL
            : bsearch(&here, weights, weight_count, sizeof(here), compare);
    if (found != NULL) {
      block.loads += found->loads;
      block.fmas += found->fmas;
    }
    char *event = here.address == mark_address ? mark_event
                  : here.address == op_address ? op_event
                  : here.address == begin_address && begin_address != 0
                      ? begin_event
                      : NULL;
    if (stack_high != 0) {
      qemu_plugin_register_vcpu_mem_cb(insn, on_store, QEMU_PLUGIN_CB_NO_REGS,
                                       QEMU_PLUGIN_MEM_W, NULL);
    }
    if (event != NULL) {
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_event,
                                             QEMU_PLUGIN_CB_NO_REGS, event);
    }
  }
  add(tb, &executed.instructions, block.instructions);
  add(tb, &executed.loads, block.loads);
  add(tb, &executed.fmas, block.fmas);
}

static void on_end(qemu_plugin_id_t id, void *userdata) {
  (void)id;
  (void)userdata;
  on_event(0, total_event);
  fclose(output);
}

// False: the file cannot be read.
static bool read_weights(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  size_t room = 0;
  struct weight next;
  while (fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64, &next.address,
                &next.loads, &next.fmas) == 3) {
    if (weight_count == room) {
      room = room == 0 ? 1024 : 2 * room;
      weights = realloc(weights, room * sizeof(*weights));
      if (weights == NULL) abort();
    }
    weights[weight_count++] = next;
  }
  const bool complete = feof(file);
  fclose(file);
  if (weight_count > 0) {
    qsort(weights, weight_count, sizeof(*weights), compare);
  }
  return complete;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                        char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "mark=", 5) == 0) {
      mark_address = strtoull(argv[i] + 5, NULL, 0);
    } else if (strncmp(argv[i], "op=", 3) == 0) {
      op_address = strtoull(argv[i] + 3, NULL, 0);
    } else if (strncmp(argv[i], "begin=", 6) == 0) {
      begin_address = strtoull(argv[i] + 6, NULL, 0);
    } else if (strncmp(argv[i], "low=", 4) == 0) {
      stack_low = strtoull(argv[i] + 4, NULL, 0);
    } else if (strncmp(argv[i], "high=", 5) == 0) {
      stack_deepest = stack_high = strtoull(argv[i] + 5, NULL, 0);
    } else if (strncmp(argv[i], "weights=", 8) == 0) {
      if (!read_weights(argv[i] + 8)) {
        fprintf(stderr, "insn_count: weights=%s cannot be read\n", argv[i] + 8);
        return -1;
      }
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
