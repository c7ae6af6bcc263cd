// SPDX-License-Identifier: Apache-2.0
// The cluster by the vendor's SDK. The runner itself is on the cluster: a task
// that the fabric controller has sent to the cluster's controller, which forks
// to the cores.
#include <pmsis.h>

#include "tflm_train/ports/gap9/cluster.h"

namespace biotrain {
namespace gap9 {
namespace {

// PI_L1 is the vendor's attribute for what lies in L1.
PI_L1 alignas(16) uint8_t l1[kL1Bytes];
// The controller starts transfers, too: it is core 8, after those that compute.
constexpr int kStarters = kCores + 1;
// A core has the inputs of its next tile under way, 8 at most, while it waits
// for the one transfer that it needs now. A ticket comes back after more than
// these. In L2, for L1 is for tiles.
constexpr int kTickets = 16;
pi_cl_dma_cmd_t commands[kStarters][kTickets];
int32_t next_ticket[kStarters];

struct Task {
  void (*body)(void* argument, int core);
  void* argument;
};

void RunTask(void* task) {
  const auto* const run = static_cast<const Task*>(task);
  run->body(run->argument, static_cast<int>(pi_core_id()));
}

void Fork(int cores, void (*body)(void* argument, int core), void* argument) {
  Task task = {body, argument};
  pi_cl_team_fork(cores, RunTask, &task);
}

bool IsInL1(const void* at) {
  const auto* const byte = static_cast<const uint8_t*>(at);
  return byte >= l1 && byte < l1 + kL1Bytes;
}

// One command a row: the SDK's two-dimensional commands have one pitch, that of
// L2, and rows that lie together in L1.
Transfer Start(const Block& block) {
  const auto core = static_cast<int32_t>(pi_core_id());
  const int32_t ticket = next_ticket[core];
  next_ticket[core] = (ticket + 1) % kTickets;
  const bool in = IsInL1(block.to);
  const void* const outer = in ? block.from : block.to;
  void* const inner = in ? block.to : const_cast<uint8_t*>(block.from);
  const int32_t pitch = in ? block.from_pitch : block.to_pitch;
  pi_cl_dma_cmd_2d(
      reinterpret_cast<uint32_t>(outer), reinterpret_cast<uint32_t>(inner),
      static_cast<uint32_t>(block.rows * block.row_bytes),
      static_cast<uint32_t>(pitch), static_cast<uint32_t>(block.row_bytes),
      in ? PI_CL_DMA_DIR_EXT2LOC : PI_CL_DMA_DIR_LOC2EXT,
      &commands[core][ticket]);
  return {core * kTickets + ticket};
}

void Wait(Transfer transfer) {
  pi_cl_dma_cmd_wait(
      &commands[transfer.ticket / kTickets][transfer.ticket % kTickets]);
}

const Cluster kCluster = {kCores, l1, kL1Bytes, Fork, Start, Wait};

}  // namespace

const Cluster& ThisCluster() { return kCluster; }

}  // namespace gap9
}  // namespace biotrain
