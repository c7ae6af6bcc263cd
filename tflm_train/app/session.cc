// SPDX-License-Identifier: Apache-2.0
#include "tflm_train/app/session.h"

#include "tflm_train/app/line.h"
#include "tflm_train/ports/port.h"

// Called right before and right after a training step, so that a debugger or
// an emulator's plugin can count what the step executes.
extern "C" __attribute__((noinline)) void biotrain_mark() { asm volatile(""); }

namespace biotrain {
namespace {

// The model is the user's own: however large, it may take its time.
constexpr Limits kLimits = {INT64_MAX};

template <typename T>
Span<uint8_t> Bytes(Span<T> values) {
  return {reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(T)};
}

constexpr int kMaxBatch = 64;

// Samples where the device keeps them, chosen by number.
struct Stored {
  Span<const uint8_t> samples;
  int32_t numbers[kMaxBatch];

  static const void* Get(void* context, int32_t i, void*, size_t bytes) {
    const Stored& stored = *static_cast<const Stored*>(context);
    const int32_t number = stored.numbers[i];
    const size_t count = stored.samples.size() / bytes;
    if (number < 0 || static_cast<size_t>(number) >= count) return nullptr;
    return stored.samples.data() + number * bytes;
  }
};

}  // namespace

bool Session::Run() {
  const Status status = Trainer::Create(model_, regions_, &trainer_, kLimits);
  if (!status.ok()) {
    Refuse(status);
    return false;
  }
  SendReady();
  while (reader_.Next()) {
    if (reader_.type() == 'Q') {
      bool good = false;
      const bool read = Receive({}, {}, "quit_frame", &good);
      if (port::StackExhausted()) {
        Refuse(Error(StatusCode::kBadArgument, "stack_exhausted"));
      }
      if (!port::BeyondIntact()) {
        Refuse(Error(StatusCode::kBadArgument, "memory_beyond_ram"));
      }
      SendFigures();
      return read && errors_ == 0;
    }
    if (!Dispatch()) break;
  }
  Line().Text("error", "input_ended").Int("steps", steps_).Send();
  return false;
}

void Session::SendReady() const {
  const auto input = [this](const char* signature, const char* name) {
    return static_cast<int64_t>(trainer_.InputElements(signature, name));
  };
  Tensor y;
  const bool y_known = trainer_.Input("train", "y", &y).ok();
  Line()
      .Int("ready", 1)
      .Text("model", name_)
      .Int("x_train", input("train", "x"))
      .Int("y_train", input("train", "y"))
      .Int("x_infer", input("infer", "x"))
      .Int("output",
           static_cast<int64_t>(trainer_.OutputElements("infer", "output")))
      .Int("save_bytes", static_cast<int64_t>(trainer_.SaveBytes()))
      .Text("y_type",
            y_known && y.type == TensorType::kInt32 ? "int32" : "float32")
      .Send();
}

void Session::SendFigures() const {
  int64_t bytes = 0;
  for (const Span<uint8_t>& region : regions_) bytes += region.size();
  Line().Int("arena_bytes", bytes).Send();
  Line().Int("arena_used", static_cast<int64_t>(trainer_.ArenaUsed())).Send();
  Line().Int("stack_bytes", static_cast<int64_t>(port::StackBytes())).Send();
  Line().Int("beyond_bytes", static_cast<int64_t>(port::BeyondBytes())).Send();
  Line().Int("steps", steps_).Send();
  Line().Int("errors", errors_).Send();
}

void Session::Refuse(const Status& status) {
  ++errors_;
  SendError(status);
}

bool Session::Dispatch() {
  switch (reader_.type()) {
    case 'T':
      return OnTrain();
    case 'B':
      return OnTrainStored();
    case 'I':
      return OnInfer();
    case 'P':
      return OnInferStored();
    case 'S':
      return OnSave();
    case 'R':
      return OnRestore();
    case 'H': {
      bool good = false;
      if (!Receive({}, {}, "hello_frame", &good)) return false;
      if (good) SendReady();
      return true;
    }
    default:
      Refuse(
          Error(StatusCode::kBadArgument, "frame_type", 'T', reader_.type()));
      return Drop();
  }
}

bool Session::Drop() {
  bool matches;
  return reader_.Skip(reader_.length()) && reader_.Verify(&matches);
}

Span<uint8_t> Session::Scratch(size_t bytes) const {
  const Span<uint8_t> longest = trainer_.Scratch();
  if (bytes > longest.size()) return {};
  return {longest.data(), bytes};
}

Span<uint8_t> Session::Targets() {
  const Span<int32_t> labels = trainer_.TrainLabels();
  return labels.empty() ? Bytes(trainer_.TrainTargets()) : Bytes(labels);
}

bool Session::Receive(Span<uint8_t> first, Span<uint8_t> second,
                      const char* what, bool* good) {
  const size_t wanted = first.size() + second.size();
  const bool fits = reader_.length() == wanted;
  if (fits) {
    if (!reader_.Payload(first.data(), first.size()) ||
        !reader_.Payload(second.data(), second.size())) {
      return false;
    }
  } else if (!reader_.Skip(reader_.length())) {
    return false;
  }
  bool matches = false;
  if (!reader_.Verify(&matches)) return false;
  if (!matches) {
    ++errors_;
    Line().Text("error", "crc").Text("what", what).Send();
  } else if (!fits) {
    Refuse(Error(StatusCode::kBadShape, what, static_cast<int64_t>(wanted),
                 reader_.length()));
  }
  *good = matches && fits;
  return true;
}

bool Session::OnTrain() {
  bool good = false;
  if (!Receive(Bytes(trainer_.TrainInput()), Targets(), "train_frame", &good)) {
    return false;
  }
  if (!good) return true;
  float loss = 0.0f;
  biotrain_mark();
  const Status trained = trainer_.TrainInPlace(&loss);
  biotrain_mark();
  Answer(trained, loss);
  return true;
}

void Session::Answer(const Status& trained, float loss) {
  if (!trained.ok()) {
    Refuse(trained);
    return;
  }
  Line()
      .Int("step", steps_++)
      .Float("loss", loss)
      .Bits("loss_bits", loss)
      .Send();
}

bool Session::OnTrainStored() {
  Tensor x, y;
  Status status = trainer_.Input("train", "x", &x);
  if (status.ok()) status = trainer_.Input("train", "y", &y);
  const int32_t batch = status.ok() ? x.dims[0] : 0;
  if (batch < 1 || batch > kMaxBatch) {
    Refuse(Error(StatusCode::kBadShape, "batch", kMaxBatch, batch));
    return Drop();
  }
  Stored stored = {samples_, {}};
  Span<uint8_t> numbers = Bytes(Span<int32_t>(stored.numbers, batch));
  Span<uint8_t> targets(y.data, static_cast<size_t>(y.bytes));
  bool good = false;
  if (!Receive(numbers, targets, "batch_frame", &good)) return false;
  if (!good) return true;
  const SampleSource source = {&stored, Stored::Get};
  float loss = 0.0f;
  biotrain_mark();
  const Status trained =
      y.type == TensorType::kInt32
          ? trainer_.Train(source, Span<const int32_t>(y.ints(), y.elements),
                           &loss)
          : trainer_.Train(source, Span<const float>(y.floats(), y.elements),
                           &loss);
  biotrain_mark();
  Answer(trained, loss);
  return true;
}

bool Session::OnInferStored() {
  Stored stored = {samples_, {}};
  bool good = false;
  if (!Receive(Bytes(Span<int32_t>(stored.numbers, 1)), {}, "predict_frame",
               &good)) {
    return false;
  }
  if (!good) return true;
  Tensor output;
  Status inferred = trainer_.Output("infer", "output", &output);
  const SampleSource source = {&stored, Stored::Get};
  if (inferred.ok()) {
    inferred = trainer_.Infer(
        source, {output.floats(), static_cast<size_t>(output.elements)});
  }
  if (!inferred.ok()) {
    Refuse(inferred);
    return true;
  }
  SendFrame('O', output.data, static_cast<uint32_t>(output.bytes));
  return true;
}

bool Session::OnInfer() {
  const size_t x_size = trainer_.InputElements("infer", "x");
  const size_t output_size = trainer_.OutputElements("infer", "output");
  const size_t larger = x_size > output_size ? x_size : output_size;
  // The sample arrives where the output leaves.
  const Span<uint8_t> scratch = Scratch(larger * sizeof(float));
  if (scratch.empty()) {
    Refuse(Error(StatusCode::kArenaTooSmall, "infer_frame",
                 static_cast<int64_t>(larger * sizeof(float))));
    return Drop();
  }
  float* values = reinterpret_cast<float*>(scratch.data());
  const Span<uint8_t> x_bytes(scratch.data(), x_size * sizeof(float));
  bool good = false;
  if (!Receive(x_bytes, {}, "infer_frame", &good)) return false;
  if (!good) return true;
  const Status inferred =
      trainer_.Infer({values, x_size}, {values, output_size});
  if (!inferred.ok()) {
    Refuse(inferred);
    return true;
  }
  SendFrame('O', values, static_cast<uint32_t>(output_size * sizeof(float)));
  return true;
}

bool Session::OnSave() {
  bool good = false;
  if (!Receive({}, {}, "save_frame", &good)) return false;
  if (!good) return true;
  // Straight from where the variables live: there may be no room for a copy.
  FrameWriter frame('W', static_cast<uint32_t>(trainer_.SaveBytes()));
  const Status saved = trainer_.SaveEach(
      [](void* writer, Span<const uint8_t> bytes) {
        static_cast<FrameWriter*>(writer)->Write(bytes.data(), bytes.size());
      },
      &frame);
  frame.End();
  if (!saved.ok()) Refuse(saved);
  return true;
}

bool Session::OnRestore() {
  const size_t size = trainer_.SaveBytes();
  const Span<uint8_t> scratch = Scratch(size);
  if (scratch.empty()) {
    Refuse(Error(StatusCode::kArenaTooSmall, "restore_frame",
                 static_cast<int64_t>(size)));
    return Drop();
  }
  bool good = false;
  if (!Receive(scratch, {}, "restore_frame", &good)) return false;
  if (!good) return true;
  const Status restored = trainer_.Restore(scratch);
  if (!restored.ok()) {
    Refuse(restored);
    return true;
  }
  Line().Int("restored", static_cast<int64_t>(size)).Send();
  return true;
}

}  // namespace biotrain
